"""Servers that die, and what this machine must offer to make them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.torture.servers import Start, start


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """The data folder; it does not stay behind, as pytest's folders do, for it may hold gigabytes."""
    yield tmp_path / "data"
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


@pytest.fixture
def serve(data: Path) -> Iterator[Start]:
    """Start servers over `data`; none of their processes outlives the test."""
    with ExitStack() as stack:
        yield partial(start, stack, data)


@pytest.fixture(scope="session")
def strace() -> str:
    path = shutil.which("strace")
    if not path:
        pytest.skip("strace is not installed")
    if subprocess.run([path, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace processes here")
    return path
