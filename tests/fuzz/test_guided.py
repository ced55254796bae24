"""The parsers again, with inputs that coverage leads to; only where atheris is installed, and only in the full form."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import ROOT
from tests.fuzz.mutants import seeds
from tests.fuzz.targets import TARGETS
from tests.torture.amounts import FULL, SECONDS

EACH_SECONDS = SECONDS // len(TARGETS)


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="takes long, and more than a few seconds are worth it")
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.timeout(EACH_SECONDS + 120)
@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_reach_new_code_are_taken_or_refused_as_documented(target: str, tmp_path: Path) -> None:
    for number, content in enumerate(seeds(target)):
        (tmp_path / str(number)).write_bytes(content)
    command = [sys.executable, "-m", "tests.fuzz.guided", target, str(tmp_path), str(EACH_SECONDS)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
