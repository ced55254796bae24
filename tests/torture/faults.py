"""System calls of a running server that fail, or end it: strace makes the real ones do so."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.torture.servers import Server

# Not every architecture has every spelling of a call; `?` makes strace leave out those it does not know.
SYNC = "fsync,fdatasync"
RENAME = "?rename,?renameat,renameat2"
UNLINK = "?unlink,unlinkat"
MKDIR = "?mkdir,mkdirat"


@contextmanager
def injected(strace: str, server: Server, calls: str, fault: str, file: Path | None = None) -> Iterator[None]:
    """While the block runs, `calls` of any thread of the server have the fault, on one file if that is given:
    `error=EIO`, `signal=KILL:when=3`.
    """
    command = [strace, "-f", "-p", str(server.process.pid), "-o", os.devnull, *(["-P", str(file)] if file else [])]
    with subprocess.Popen(
        [*command, "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"], stderr=subprocess.PIPE, text=True
    ) as tracer:
        assert tracer.stderr
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.wait()
            pytest.skip(f"strace may not trace another process here: {said}")
        try:
            yield
        finally:
            tracer.terminate()
            tracer.communicate()
