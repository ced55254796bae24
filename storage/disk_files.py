"""Files and folders of a POSIX file system, with a store's own errors in place of the system's."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from storage.blobs import BlobMissing, BlobStoreError, StoredObject, StoreFull

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Folders:
    """The folders under `root`, each made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[Path] = set()
        with plain_errors(root):
            for folder in reversed([root, *root.parents]):
                if not folder.is_dir():
                    _make_folder(folder)

    def make(self, *names: str) -> Path:
        """The folder `names` under the root; its name would survive a loss of power.

        Every process syncs each name once itself: the one that made the folder may not have come to that, or have died.
        """
        folder = self.root
        for name in names:
            folder /= name
            if folder not in self._durable or not folder.is_dir():
                _make_folder(folder)
                self._durable.add(folder)
        return folder


def plain(error: OSError, path: Path) -> BlobStoreError:
    if error.errno in _GONE:
        return BlobMissing(f"nothing is kept at {path}")
    if error.errno in _FULL:
        return StoreFull(f"no space is left for {path}")
    return BlobStoreError(f"{path}: {error.strerror}")


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Raise the store's own errors in place of the operating system's."""
    try:
        yield
    except OSError as error:
        raise plain(error, path) from error


def open_file(path: Path, flags: int) -> FileIO:
    """A regular file, unbuffered; without O_NONBLOCK a named pipe in its place would make the caller wait for ever."""
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = FileIO(path, opener=lambda name, _: os.open(name, flags | safe, 0o600))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BlobMissing(f"{path} is not a file")
    return file


def _make_folder(folder: Path) -> None:
    """Make a folder under one that exists; its name survives a loss of power."""
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Delete a file for good: were it back after a loss of power, no row would name it any more."""
    with suppress(BlobMissing), plain_errors(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def files_below(root: Path, folder: str, *, folders: int) -> Iterator[StoredObject]:
    """Files in a folder below the root, and so many folders deep in it; what comes or goes meanwhile may be missing.

    Folders may be symlinks, files may not: the depth is what ends the walk where such folders lead around in a circle.
    """
    with plain_errors(root / folder):
        try:
            entries = os.scandir(root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir() and folders:
                    yield from files_below(root, name, folders=folders - 1)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        # A file keeps the time of its last write when it gets its name: here the later one counts.
                        since = max(status.st_mtime_ns, status.st_ctime_ns) // 1_000_000
                        yield StoredObject(name, status.st_size, since)
