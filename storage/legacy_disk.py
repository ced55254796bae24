"""The storage of docker-distribution in a folder."""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.blobs import BlobReader
from storage.disk import DiskStore
from storage.legacy import LINK_LIMIT, REPOSITORIES, LinkFile, Report, not_legacy, possible_roots


class LegacyDisk:
    """The `LegacyMedium` in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._store = DiskStore(root)

    @property
    def root(self) -> str:
        return str(self._root)

    @property
    def url(self) -> str:
        return self._root.as_uri()

    def is_at(self, url: str) -> bool:
        parts = urlsplit(url)
        place = Path(unquote(parts.path))
        return parts.scheme in {"", "file"} and place.is_dir() and place.samefile(self._root)

    def make_durable(self) -> None:
        """docker-distribution syncs its files, but not their names."""
        os.sync()

    def folders(self, folder: str, report: Report) -> Collection[str]:
        try:
            with os.scandir(self._root / folder) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            report(folder, f"cannot be read: {error.strerror}")
            return []
        for entry in found:
            if entry.is_symlink():
                report(f"{folder}/{entry.name}", "is a symbolic link, which is not followed")
        return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]

    def read_links(
        self,
        paths: Sequence[str],
        likely: Collection[str],  # noqa: ARG002  # reading costs less than comparing
        report: Report,
    ) -> Iterator[LinkFile | None]:
        return (self._read(path, report) for path in paths)

    def open(self, location: str) -> BlobReader:
        return self._store.open(location)

    def size(self, location: str) -> int:
        return self._store.size(location)

    def _read(self, path: str, report: Report) -> LinkFile | None:
        file = self._root / path
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > LINK_LIMIT:
                report(path, "is not a link")
                return None
            return LinkFile(file.read_bytes(), status.st_mtime_ns // 1_000_000)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            report(path, f"cannot be read: {error.strerror}")
            return None


def find_root(path: Path) -> Path:
    """The root of the storage that `path` is, or is one of the folders `docker/registry/v2` of.

    Raises `NotLegacyStorage`.
    """
    for root in possible_roots(Path(os.path.abspath(path))):
        if (root / REPOSITORIES).is_dir():
            return root
    raise not_legacy(str(path))
