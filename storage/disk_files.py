"""Files and folders of a POSIX file system, with a store's own errors in place of the system's."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from itertools import accumulate
from pathlib import Path

from storage.blobs import BlobMissing, BlobStoreError, StoredObject, StoreFull

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
_FULL = {errno.ENOSPC, errno.EDQUOT}

_SYNC_FILE_RANGE_WRITE = 2
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class Folders:
    """The folders under `root`, each made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._kept: set[str] = set()
        with plain_errors(root):
            for folder in reversed([root, *root.parents]):
                if not folder.is_dir():
                    folder.mkdir(mode=0o700, exist_ok=True)
                    sync_folder(folder.parent)

    def make(self, name: str) -> "Folder":
        """The folder `name` under the root, like `blobs/sha256`, with those that it is in. Their names may be lost with
        the power until they are kept.

        Every process keeps each name once itself: the one that made the folder may not have come to that, or have died.
        """
        path = f"{self.root}/{name}"
        if path in self._kept and os.path.isdir(path):
            return Folder(path, (), self._kept)
        new = []
        for name_so_far in accumulate(name.split("/"), "{}/{}".format):
            place = f"{self.root}/{name_so_far}"
            if place not in self._kept or not os.path.isdir(place):
                _make_folder(place)
                new.append(place)
        return Folder(path, new, self._kept)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder under a root; `new` are those on the way to it, and itself, that are not among the `kept` ones yet."""

    path: str
    new: Sequence[str]
    kept: set[str]

    def keep(self) -> None:
        """Make its own name durable, and those of the folders that it is in."""
        for place in self.new:
            sync_folder(os.path.dirname(place))
            self.kept.add(place)

    def sync(self) -> None:
        """Make the names in it durable, and its own."""
        sync_folder(self.path)
        self.keep()


def plain(error: OSError, path: Path | str) -> BlobStoreError:
    if error.errno in _GONE:
        return BlobMissing(f"nothing is kept at {path}")
    if error.errno in _FULL:
        return StoreFull(f"no space is left for {path}")
    return BlobStoreError(f"{path}: {error.strerror}")


class plain_errors:  # noqa: N801  # it is used like a function, and a generator in its place takes 3 µs more
    """Raise the store's own errors in place of the operating system's."""

    __slots__ = ("_path",)

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise plain(error, self._path) from error


def open_file(path: Path | str, flags: int) -> FileIO:
    """A regular file, unbuffered; without O_NONBLOCK a named pipe in its place would make the caller wait for ever."""
    safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = FileIO(path, opener=lambda name, _: os.open(name, flags | safe, 0o600))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BlobMissing(f"{path} is not a file")
    return file


def _make_folder(place: str) -> None:
    try:
        os.mkdir(place, 0o700)
    except FileExistsError:
        if not os.path.isdir(place):
            raise


def sync_folder(folder: Path | str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path | str) -> None:
    """Delete a file for good: were it back after a loss of power, no row would name it any more."""
    with suppress(BlobMissing), plain_errors(path):
        Path(path).unlink(missing_ok=True)
        sync_folder(os.path.dirname(path))


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


def must_leave(descriptor: int, wanted: int) -> None:
    """Raise ENOSPC when the disk has fewer than `wanted` bytes left; one that does not tell its size is believed in."""
    disk = os.fstatvfs(descriptor)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def start_writeback(descriptor: int, start: int, end: int) -> None:
    """Start writing the bytes from `start` to `end` to the medium, so that the fsync to come is short.

    Safe to leave out and to fail: it promises nothing, and without a WAIT flag sync_file_range(2) does not take the
    error of a failed write-back from the file, so the fsync that follows reports it. Other systems than Linux do
    without.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, start, end - start, _SYNC_FILE_RANGE_WRITE)
