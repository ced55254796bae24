"""The folders in which docker-distribution (registry:2, registry:3, and the registry of Harbor) keeps what it has.

    <root>/docker/registry/v2/
      blobs/<algorithm>/<2 hex>/<hex>/data                          content, manifests too
      repositories/<name>/
        _layers/<algorithm>/<hex>/link                              the repository has this blob
        _manifests/revisions/<algorithm>/<hex>/link                 ... this manifest
        _manifests/tags/<tag>/current/link                          what the tag points to

A link is a file that holds a digest. One that was deleted leaves its folder behind. Nothing is ever written here, and
only links are read: a blob store whose root is <root> reads the blobs at the location that `blob_location` tells.

Errors:

    NotLegacyStorage    there is no such folder
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.digest import Digest, InvalidDigest

NAME_LIMIT = 255  # characters of a repository's name, docker-distribution's own limit
_V2 = ("docker", "registry", "v2")
_LINK_LIMIT = 256  # bytes


class NotLegacyStorage(Exception):
    """The folder is not the storage of docker-distribution, nor one of those inside it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link file at `path` below the root, what it names, and when it was written (UTC, ms since 1970)."""

    path: str
    digest: Digest
    written_at: int


class LegacyTree:
    """The tree in the folder `root`. What is damaged is told to `report`, as a path and a sentence, and left out."""

    def __init__(self, root: Path, report: Callable[[str, str], None]) -> None:
        self._root = root
        self._report = report

    def repositories(self) -> Iterator[str]:
        """Names of the folders that have links, valid or not, in bytewise order within each folder."""
        yield from self._walk("/".join((*_V2, "repositories")), "")

    def layers(self, name: str) -> Iterator[Link]:
        yield from self._links(f"{_folder(name)}/_layers")

    def manifests(self, name: str) -> Iterator[Link]:
        yield from self._links(f"{_folder(name)}/_manifests/revisions")

    def tags(self, name: str) -> Iterator[tuple[str, Link]]:
        """Tags, valid or not, and their links."""
        folder = f"{_folder(name)}/_manifests/tags"
        for tag in self._folders(folder):
            link = self._read(f"{folder}/{tag}/current/link")
            if link:
                yield tag, link

    def _walk(self, folder: str, name: str) -> Iterator[str]:
        names = self._folders(folder)
        if name and not {"_layers", "_manifests"}.isdisjoint(names):
            yield name
        for child in names:
            if child.startswith("_"):  # no part of a name begins like that
                continue
            path = f"{name}/{child}" if name else child
            if len(path) > NAME_LIMIT:
                self._report(f"{folder}/{child}", "is too long for the name of a repository")
            else:
                yield from self._walk(f"{folder}/{child}", path)

    def _links(self, folder: str) -> Iterator[Link]:
        for algorithm in self._folders(folder):
            for encoded in self._folders(f"{folder}/{algorithm}"):
                link = self._read(f"{folder}/{algorithm}/{encoded}/link")
                if link and str(link.digest) == f"{algorithm}:{encoded}":
                    yield link
                elif link:
                    self._report(link.path, f"names {link.digest}, which is not what its folder says")

    def _folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder, sorted; none when it is not there."""
        try:
            with os.scandir(self._root / folder) as entries:
                found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._report(folder, f"cannot be read: {error.strerror}")
            return []
        for entry in found:
            if entry.is_symlink():
                self._report(f"{folder}/{entry.name}", "is a symbolic link, which is not followed")
        return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]

    def _read(self, path: str) -> Link | None:
        """A link, or None when it was deleted or is damaged."""
        file = self._root / path
        try:
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LINK_LIMIT:
                self._report(path, "is not a link")
                return None
            digest = Digest.parse(file.read_bytes().decode("ascii", "replace"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._report(path, f"cannot be read: {error.strerror}")
            return None
        except InvalidDigest as error:
            self._report(path, f"is not a link: {error}")
            return None
        return Link(path, digest, status.st_mtime_ns // 1_000_000)


def find_root(path: Path) -> Path:
    """The root of the storage that `path` is, or is one of the folders `docker/registry/v2` of.

    Raises `NotLegacyStorage`.
    """
    absolute = Path(os.path.abspath(path))
    for inside in range(len(_V2), -1, -1):
        ends = absolute.parts[len(absolute.parts) - inside :] == _V2[:inside]
        if ends and (absolute.joinpath(*_V2[inside:]) / "repositories").is_dir():
            return absolute.parents[inside - 1] if inside else absolute
    raise NotLegacyStorage(f"{path} is not the storage of a registry: it has no folder docker/registry/v2/repositories")


def blob_location(digest: Digest) -> str:
    """Where a blob is, as the location in a blob store with the same root."""
    return f"docker/registry/v2/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def make_durable() -> None:
    """Return when what other programs wrote before would survive a loss of power.

    docker-distribution syncs its files, but not their names.
    """
    os.sync()


def _folder(name: str) -> str:
    return "/".join((*_V2, "repositories", name))
