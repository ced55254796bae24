"""Blobs in a folder of a POSIX file system.

    <root>/
      uploads/<32 hex>                            staged places
      blobs/<algorithm>/<2 hex>/<hex>-<16 hex>    objects; the random end is why no location is ever used twice
      notes/...                                   notes, by their names
      docker/registry/v2/blobs/...                objects of an adopted registry storage: read and deleted likewise

Files are 0600 and folders 0700. A symlink in place of an object or a staged place is never followed; a folder may be
one.

*Durability.* A staged place becomes an object in this order: rename the file, fsync it, fsync the folder, and the
folders above it that are new. Until the last of these it may be lost with the power, wholly or in part: no row names it
yet, and its name is one that nobody else uses. A file system with a journal then writes its journal once, with the
first fsync, and the others find nothing left to do: on ext4 one commit of the journal and a median of 4 ms, where three
commits and 17 ms are what it takes to fsync the file and each folder before the next step. A note takes the place of
another, so that its file is synced before it is renamed.

*A failed fsync is final.* Linux marks pages clean when their write-back has failed, so a second fsync would succeed
over lost bytes. Nothing that a failed fsync was to keep can therefore be committed later: the file is cut back to its
last checkpoint when the disk is full, and dropped after any other error.

*Exclusion.* A writer holds flock(2) on the staged file. The lock belongs to the open file, so it keeps out other
threads as well as other processes, and the kernel lets go of it when the process dies.
"""

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from io import FileIO
from pathlib import Path

from storage.blobs import (
    BlobMissing,
    BlobStoreError,
    StagedBusy,
    StoredObject,
    StoreFull,
    StoreUnavailable,
    check_note_name,
)
from storage.digest import Digest
from storage.disk_files import (
    Folders,
    files_below,
    must_leave,
    open_file,
    plain,
    plain_errors,
    remove,
    start_writeback,
    sync_folder,
)
from storage.legacy import BLOBS, is_blob_location

PIECE = 1 << 20  # bytes that `DiskWriter.read` yields at once
CHECKPOINT_BYTES = 64 << 20  # bytes after which an upload that goes on is worth a checkpoint
WRITEBACK_STEP = 8 << 20  # bytes appended before their write-back is started

_STAGED = re.compile(r"[0-9a-f]{32}")
_OBJECT = re.compile(r"blobs/(sha256|sha512)/[0-9a-f]{2}/[0-9a-f]+-[0-9a-f]{16}")
_NOTES = "notes"
_NOTE_FOLDERS = 8  # how deep folders of notes are looked into


class DiskWriter:
    """The one writer of a staged file. Not for several threads at once."""

    def __init__(self, path: str, file: FileIO, folders: Folders, reserve: int = 0) -> None:
        self._path = path
        self._file = file
        self._folders = folders
        self._reserve = reserve
        self._end = os.fstat(file.fileno()).st_size
        self._kept = self._end  # bytes that stay when the disk is full
        self._flushed = self._end  # bytes whose write-back has been started
        self._name_kept = False  # whether the file's name is known to survive a loss of power
        self._object: str | None = None  # what a commit has made of the file

    def start_at(self, offset: int) -> None:
        """Continue after `offset` bytes, which a checkpoint has kept. Raises `BlobMissing` when there are fewer."""
        descriptor = self._file.fileno()
        with plain_errors(self._path):
            length = os.fstat(descriptor).st_size
            if length < offset:
                raise BlobMissing(f"{self._path} has {length} bytes, not {offset}")
            if length > offset:
                os.ftruncate(descriptor, offset)
        self._end = self._kept = self._flushed = offset
        self._name_kept = offset > 0

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` at the end. Raises `StoreFull`."""
        descriptor = self._file.fileno()
        rest = memoryview(data).cast("B")
        with self._giving_up_on_errors():
            must_leave(descriptor, self._reserve + len(rest))
            while rest:
                written = os.write(descriptor, rest)
                rest = rest[written:]
                self._end += written
        if self._end - self._flushed >= WRITEBACK_STEP:
            start_writeback(descriptor, self._flushed, self._end)
            self._flushed = self._end

    def checkpoint(self, *, durable: bool = True) -> str:
        """Return when every byte appended so far would survive a loss of power. Raises `StoreFull`."""
        if durable:
            with self._giving_up_on_errors():
                os.fsync(self._file.fileno())
                if not self._name_kept:
                    sync_folder(os.path.dirname(self._path))
            self._name_kept = True
        self._kept = self._end
        return self._path.removeprefix(f"{self._folders.root}/")

    def read(self) -> Iterator[bytes]:
        """Everything appended so far, from the start, in pieces."""
        for offset in range(0, self._end, PIECE):
            wanted = min(PIECE, self._end - offset)
            with plain_errors(self._path):
                piece = os.pread(self._file.fileno(), wanted, offset)
            if len(piece) < wanted:
                raise BlobMissing(f"{self._path} has {offset + len(piece)} bytes, not {self._end}")
            yield piece

    def commit(self, digest: Digest, size: int) -> str:
        """Make the first `size` bytes an object, close the writer and return the object's location."""
        folder = f"blobs/{digest.algorithm}/{digest.hex[:2]}"
        location = f"{folder}/{digest.hex}-{secrets.token_hex(8)}"
        target = f"{self._folders.root}/{location}"
        with closing(self), plain_errors(self._path):
            self.start_at(size)
            made = self._folders.make(folder)
            os.rename(self._path, target)
            try:
                os.fsync(self._file.fileno())
                made.sync()
            except OSError:
                os.unlink(target)
                raise
        self._object = target
        return location

    def become_note(self, name: str) -> None:
        """Make everything the note `name`, in place of one that there may be, and close the writer."""
        target = f"{self._folders.root}/{_NOTES}/{name}"
        with closing(self), plain_errors(self._path):
            os.fsync(self._file.fileno())
            made = self._folders.make(f"{_NOTES}/{name}".rpartition("/")[0])
            os.rename(self._path, target)
            try:
                made.sync()
            except OSError:
                os.unlink(target)
                raise

    def revoke(self) -> None:
        """Delete what a commit has made; a checkpoint needs nothing, since the next writer says where it starts."""
        self.close()
        if self._object:
            remove(self._object)

    def close(self) -> None:
        """Unlock and close the file; a second time does nothing."""
        if self._file.closed:
            return
        with plain_errors(self._path), self._file:
            # A child process forked a moment ago shares the open file: closing alone would leave it locked.
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def _giving_up_on_errors(self) -> Iterator[None]:
        """Close the writer when the block fails; the module's docstring says what becomes of the file, and why."""
        try:
            yield
        except OSError as error:
            reason = plain(error, self._path)
            with closing(self), plain_errors(self._path):
                if isinstance(reason, StoreFull):
                    os.ftruncate(self._file.fileno(), self._kept)
                else:
                    Path(self._path).unlink(missing_ok=True)
            raise reason from error


class DiskReader:
    """An open object. Threads may read from it at the same time, as long as none closes it meanwhile."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        with plain_errors(path):
            self._file = open_file(path, os.O_RDONLY)
            self._size = os.fstat(self._file.fileno()).st_size

    @property
    def size(self) -> int:
        return self._size

    @property
    def file(self) -> FileIO:
        return self._file

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""
        with plain_errors(self._path):
            piece = os.pread(self._file.fileno(), length, offset)
        if not piece or len(piece) == length:
            return piece
        return piece + self.read(offset + len(piece), length - len(piece))

    def close(self) -> None:
        self._file.close()


class DiskStore:
    """The `BlobStore` in the folder `root`, which is made when it is missing. Threads and processes may share it.

    Blobs stop growing when less than `reserve` bytes would be left of the disk, so that whoever shares it with them can
    still write.
    """

    excludes_writers = True
    checkpoint_bytes = CHECKPOINT_BYTES

    def __init__(self, root: Path, *, reserve: int = 0) -> None:
        self._reserve = reserve
        self._root = root.absolute()
        self._folders = Folders(self._root)
        with plain_errors(self._root):
            self._inode = self._root.stat().st_ino

    def check(self) -> None:
        if not os.access(self._root, os.W_OK | os.X_OK) or not self._root.is_dir():
            raise BlobStoreError(f"{self._root} is no folder that blobs can be written to")
        self._must_be_the_same()

    def stage(self) -> str:
        self._must_be_the_same()
        staged = f"uploads/{secrets.token_hex(16)}"
        path = f"{self._root}/{staged}"
        with plain_errors(path):
            self._folders.make("uploads").keep()
            open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL).close()
        return staged

    def open_staged(self, staged: str) -> DiskWriter:
        path = self._staged_path(staged)
        with ExitStack() as on_error, plain_errors(path):
            file = on_error.enter_context(open_file(path, os.O_RDWR | os.O_APPEND))
            _lock(file, path)
            on_error.pop_all()
        return DiskWriter(path, file, self._folders, self._reserve)

    def commit(self, staged: str, digest: Digest, size: int) -> str:
        return self.open_staged(staged).commit(digest, size)

    def discard(self, staged: str) -> None:
        remove(self._staged_path(staged))

    def open(self, location: str) -> DiskReader:
        return DiskReader(self._path(location))

    def size(self, location: str) -> int:
        path = self._path(location)
        with plain_errors(path):
            status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BlobMissing(f"{path} is not a file")
        return status.st_size

    def delete(self, location: str) -> None:
        remove(self._path(location))

    def delete_all(self, locations: Collection[str]) -> dict[str, BlobStoreError]:
        """All names go first: the first folder that is synced takes most file systems as long as all of them."""
        failed: dict[str, BlobStoreError] = {}
        folders: dict[str, list[str]] = {}
        for location in locations:
            with _noting(failed, location):
                path = self._path(location)
                with suppress(BlobMissing), plain_errors(path):
                    Path(path).unlink(missing_ok=True)
                    folders.setdefault(os.path.dirname(path), []).append(location)
        for folder, names in folders.items():
            with _noting(failed, *names), plain_errors(folder):
                sync_folder(folder)
        return failed

    def url(self, location: str, seconds: int) -> None:  # noqa: ARG002  # the protocol's names
        return None

    def objects(self) -> Iterator[StoredObject]:
        """Whatever files lie about, those with names that no object has are none."""
        for found in files_below(self._root, "blobs", folders=2):
            if _OBJECT.fullmatch(found.location):
                yield found
        for found in files_below(self._root, BLOBS, folders=3):
            if is_blob_location(found.location):
                yield found

    def write_note(self, name: str, content: Iterable[bytes]) -> None:
        check_note_name(name)
        staged = self.stage()
        with ExitStack() as on_error:
            on_error.callback(self.discard, staged)
            with closing(self.open_staged(staged)) as writer:
                for piece in content:
                    writer.append(piece)
                writer.become_note(name)
            on_error.pop_all()

    def open_note(self, name: str) -> DiskReader:
        return DiskReader(self._note_path(name))

    def notes(self, prefix: str = "") -> Iterator[StoredObject]:
        for found in files_below(self._root, _NOTES, folders=_NOTE_FOLDERS):
            name = found.location.removeprefix(f"{_NOTES}/")
            if name.startswith(prefix):
                yield StoredObject(name, found.size, found.modified_ms)

    def delete_note(self, name: str) -> None:
        remove(self._note_path(name))

    def sweep(self, before_ms: int, is_named: Callable[[str], bool]) -> int:
        stale = [staged for staged in self._list_staged(before_ms) if not is_named(staged)]
        return sum(self._discard_unless_open(staged) for staged in stale)

    def _list_staged(self, before_ms: int) -> Iterator[str]:
        """Staged places that were last written to before a time."""
        folder = self._folders.make("uploads").path
        with plain_errors(folder), os.scandir(folder) as entries:
            for entry in entries:
                # Whatever is gone meanwhile was somebody's.
                with suppress(FileNotFoundError):
                    is_old = entry.stat(follow_symlinks=False).st_mtime_ns < before_ms * 1_000_000
                    if is_old and _STAGED.fullmatch(entry.name):
                        yield f"uploads/{entry.name}"

    def _discard_unless_open(self, staged: str) -> bool:
        try:
            with closing(self.open_staged(staged)):
                self.discard(staged)
        except (BlobMissing, StagedBusy):
            return False
        return True

    def _must_be_the_same(self) -> None:
        """What is written below a folder whose disk was unmounted is out of sight after the next mount.

        A network file system may have another device number then, and has the same inode.
        """
        with plain_errors(self._root):
            if os.stat(self._root).st_ino != self._inode:
                raise StoreUnavailable(f"{self._root} is another folder than it was at the start: is its disk mounted?")

    def _path(self, location: str) -> str:
        """Where a location is; one that could lead out of the root raises `BlobStoreError`."""
        names = location.split("/")
        if location.startswith("/") or ".." in names or "\0" in location or set(names) <= {"", "."}:
            raise BlobStoreError(f"{location!r} is not a location in {self._root}")
        return f"{self._root}/{location}"

    def _note_path(self, name: str) -> str:
        check_note_name(name)
        return f"{self._root}/{_NOTES}/{name}"

    def _staged_path(self, staged: str) -> str:
        """Where a staged place is; objects are none, so that no mistake can write to one."""
        path = self._path(staged)
        if os.path.dirname(staged) != "uploads":
            raise BlobStoreError(f"{staged!r} is not a staged place")
        return path


@contextmanager
def _noting(failed: dict[str, BlobStoreError], *locations: str) -> Iterator[None]:
    try:
        yield
    except BlobStoreError as error:
        failed.update(dict.fromkeys(locations, error))


def _lock(file: FileIO, path: str) -> None:
    """Lock a staged file and look its name up again: it may have been committed or discarded since it was opened."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StagedBusy(f"another writer has {path} open") from None
    if not os.path.samestat(os.fstat(file.fileno()), os.lstat(path)):
        raise BlobMissing(f"{path} is another file by now")
