"""What `make dist` made, and environments in which nothing else is installed."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_PYENV = Path.home() / ".pyenv" / "versions"


def wheel() -> Path:
    return _only("*.whl")


def with_extras() -> str:
    """The wheel as a requirement, with all that it can use."""
    extras = sorted(project()["optional-dependencies"].keys() - {"test"})
    return f"{wheel()}[{','.join(extras)}]"


def sdist() -> Path:
    return _only("*.tar.gz")


def _only(pattern: str) -> Path:
    found = list(DIST.glob(pattern))
    if not found:
        pytest.skip("there is nothing in dist/: run `make dist`")
    [path] = found
    return path


def project() -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    told: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return told


def find_python(version: str) -> Path:
    """The newest Python of this version that the machine has; without one the test is skipped."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return Path(sys.executable)
    kept = sorted(_PYENV.glob(f"{version}.*/bin/python3"), key=lambda path: _numbers(path.parts[-3]))
    on_path = [Path("/usr/bin") / f"python{version}", Path("/usr/local/bin") / f"python{version}"]
    for python in (*reversed(kept), *on_path):
        if python.exists():
            return python
    pytest.skip(f"there is no Python {version} here")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def make_environment(python: Path, folder: Path, *what: str) -> Path:
    """The Python of a new environment with these requirements, which do not contradict each other."""
    uv("venv", "--python", str(python), str(folder))
    made = folder / "bin" / "python"
    pip("install", made, *what)
    pip("check", made)
    return made


def pip(command: str, python: Path, *arguments: str) -> str:
    return uv("pip", command, "--python", str(python), *arguments)


def uv(*arguments: str) -> str:
    """It takes half a second for an environment that pip makes in twenty."""
    return run([sys.executable, "-m", "uv", "--quiet", *arguments], ROOT)


def oldest_libraries(folder: Path) -> Path:
    """A file of constraints: of each library that Cove asks for, the oldest version that it says is good."""
    extras = (wanted for name, wanted in project()["optional-dependencies"].items() if name != "test")
    asked = [*project()["dependencies"], *chain.from_iterable(extras)]
    lines = [re.sub(r"\[.*?\]|;.*", "", each).strip().replace(">=", "==") for each in asked]
    path = folder / "oldest.txt"
    path.write_text("\n".join(lines))
    return path


def run(command: Sequence[str], folder: Path) -> str:
    """Standard output; any other status than 0 fails the test. Variables of Python and Cove are not passed on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVE_", "PYTHON", "VIRTUAL_"))}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
