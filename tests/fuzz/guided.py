"""`python -m tests.fuzz.guided TARGET FOLDER SECONDS`: inputs that reach ever more of the code, found by atheris.

FOLDER has the inputs to begin with; what is found on the way is added to it, and a fault ends the run with a traceback.
"""

import importlib
import sys


def main() -> None:
    target, folder, seconds = sys.argv[1:]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["auth", "registry", "storage"]):
        targets = importlib.import_module("tests.fuzz.targets")
    options = [f"-max_total_time={seconds}", "-max_len=2000", "-rss_limit_mb=2000", "-timeout=20", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", folder], targets.TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
