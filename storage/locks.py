"""Files that processes hold while they are at work: flock(2), which the kernel takes back when a process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Held(Exception):
    """Another process holds the file in a way that excludes this one."""


@contextmanager
def held(path: Path, *, alone: bool) -> Iterator[int]:
    """Hold a file, which is made when it is missing, until the block ends: alone, or together with others.

    Gives the descriptor, open for reading and appending. Raises `Held`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(f"another process holds {path}") from None
        yield descriptor
    finally:
        os.close(descriptor)
