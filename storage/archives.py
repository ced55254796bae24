"""Files in a folder that are there whole or not at all, also after a loss of power: what a backup is made of.

Blobs are kept by their digests, so that one which is there already is known by its name. Files are 0600, folders 0700.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path

from storage.blobs import BlobMissing
from storage.digest import Digest, InvalidDigest
from storage.disk import DiskReader
from storage.disk_files import Folders, files_below, open_file, plain_errors, remove

_BLOBS = "blobs"
_PARTS = "parts"  # files that are being written


class Archive:
    """The folder `root`, which is made when it is missing. Threads may share it; processes take turns.

    Raises `BlobStoreError`, `StoreFull` when the disk does not do what is asked.
    """

    def __init__(self, root: Path) -> None:
        self._folders = Folders(root.absolute())

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Keep a file, in place of one with the same name. An error, also one of the iteration, leaves that one."""
        path = self._path(name)
        part = Path(self._folders.make(_PARTS).path, secrets.token_hex(8))
        with ExitStack() as on_error, plain_errors(path):
            on_error.callback(part.unlink, missing_ok=True)
            with open_file(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
                for piece in pieces:
                    _write(file, piece)
                os.fsync(file.fileno())
            folder = self._folders.make(name.rpartition("/")[0])
            part.rename(path)
            folder.sync()
            on_error.pop_all()

    def open(self, name: str) -> DiskReader:
        """Raises `BlobMissing`."""
        return DiskReader(self._path(name))

    def has(self, name: str, size: int) -> bool:
        """Whether there is such a file of so many bytes."""
        path = self._path(name)
        with suppress(BlobMissing), plain_errors(path):
            return path.lstat().st_size == size
        return False

    def remove(self, name: str) -> None:
        """One that is gone already is fine."""
        remove(self._path(name))

    def blobs(self) -> Iterator[Digest]:
        """The digest of each blob, in no particular order."""
        for found in files_below(self._folders.root, _BLOBS, folders=2):
            parts = found.location.split("/")
            with suppress(InvalidDigest):
                yield Digest.parse(f"{parts[1]}:{parts[-1]}")

    def names(self, folder: str) -> Iterator[str]:
        """Names of the files in a folder, in no particular order."""
        return (found.location for found in files_below(self._folders.root, folder, folders=0))

    def drop_parts(self) -> None:
        """Delete what was being written when a process died."""
        for name in self.names(_PARTS):
            self.remove(name)

    def _path(self, name: str) -> Path:
        return self._folders.root / name


def blob_name(digest: Digest) -> str:
    """Where an archive keeps the blob."""
    return f"{_BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file.fileno(), rest) :]
