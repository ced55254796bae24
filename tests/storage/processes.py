"""Other processes that share a disk store with the test."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PRELUDE = """
import os, signal, sys
from contextlib import closing
from pathlib import Path
from storage.blobs import BlobStoreError
from storage.digest import Digest
from storage.disk import DiskStore
store = DiskStore(Path(sys.argv[1]))
"""


def script(text: str, *arguments: object, under: tuple[str, ...] = ()) -> list[str]:
    """The command line of a process that has a store of its own in the folder named first."""
    return [*under, sys.executable, "-B", "-S", "-c", PRELUDE + textwrap.dedent(text), *map(str, arguments)]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()
