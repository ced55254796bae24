"""The folders in which docker-distribution (registry:2, registry:3, and the registry of Harbor) keeps what it has.

    <root>/docker/registry/v2/
      blobs/<algorithm>/<2 hex>/<hex>/data                          content, manifests too
      repositories/<name>/
        _layers/<algorithm>/<hex>/link                              the repository has this blob
        _manifests/revisions/<algorithm>/<hex>/link                 ... this manifest
        _manifests/tags/<tag>/current/link                          what the tag points to

A link is a file that holds a digest. One that was deleted leaves its folder behind. Nothing is ever written here. A
blob store whose root is <root> reads the blobs at the location that `blob_location` tells.

Errors:

    NotLegacyStorage    there is no such folder
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol, TypeVar

from storage.blobs import BlobReader
from storage.digest import Digest, InvalidDigest

NAME_LIMIT = 255  # characters of a repository's name, docker-distribution's own limit
LINK_LIMIT = 256  # bytes
V2 = ("docker", "registry", "v2")
REPOSITORIES = "/".join((*V2, "repositories"))
BLOBS = "/".join((*V2, "blobs"))
_BLOB = re.compile(rf"{BLOBS}/(sha256|sha512)/[0-9a-f]{{2}}/[0-9a-f]+/data")

Report = Callable[[str, str], None]  # gets what is damaged: a path below the root, and a sentence that it begins
AnyPath = TypeVar("AnyPath", bound=PurePath)


class NotLegacyStorage(Exception):
    """The folder is not the storage of docker-distribution, nor one of those inside it."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link file at `path` below the root, what it names, and when it was written (UTC, ms since 1970)."""

    path: str
    digest: Digest
    written_at: int


@dataclass(frozen=True, slots=True)
class LinkFile:
    """What is in a link, whatever that is, and when it was written (UTC, ms since 1970)."""

    content: bytes
    written_at: int


class LegacyMedium(Protocol):
    """Where such a storage lies. Paths are below its root. `open` and `size` are for blobs, by their location."""

    @property
    def root(self) -> str:
        """The root, as people write it."""

    @property
    def url(self) -> str:
        """The address of a blob store with the same root."""

    def is_at(self, url: str) -> bool:
        """Whether the blob store with this address has the same root."""

    def make_durable(self) -> None:
        """Return when what other programs wrote before would survive a loss of power."""

    def folders(self, folder: str, report: Report) -> Collection[str]:
        """Names of the folders in a folder; none when it is not there."""

    def read_links(self, paths: Sequence[str], likely: Collection[str], report: Report) -> Iterator[LinkFile | None]:
        """What the files have, in this order; None for those that are not there, or are no links and reported.

        `likely` is what they may have in them, for a medium that can tell without reading.
        """

    def open(self, location: str) -> BlobReader:
        """Raises `BlobMissing`."""

    def size(self, location: str) -> int:
        """Raises `BlobMissing`."""


class LegacyTree:
    """The links on a medium. What is damaged is told to `report` and left out."""

    def __init__(self, medium: LegacyMedium, report: Report) -> None:
        self._medium = medium
        self._report = report

    def repositories(self) -> Iterator[str]:
        """Names of the folders that have links, valid or not, in bytewise order within each folder."""
        yield from self._walk(REPOSITORIES, "")

    def layers(self, name: str) -> Iterator[Link]:
        yield from self._links(f"{REPOSITORIES}/{name}/_layers")

    def manifests(self, name: str) -> Iterator[Link]:
        yield from self._links(f"{REPOSITORIES}/{name}/_manifests/revisions")

    def tags(self, name: str) -> Iterator[tuple[str, Link]]:
        """Tags, valid or not, and their links."""
        folder = f"{REPOSITORIES}/{name}/_manifests"
        tags = self._folders(f"{folder}/tags")
        paths = [f"{folder}/tags/{tag}/current/link" for tag in tags]
        for tag, link in zip(tags, self._read(paths, self._named_by(f"{folder}/revisions")), strict=True):
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
        named = self._named_by(folder)
        paths = [f"{folder}/{digest.replace(':', '/', 1)}/link" for digest in named]
        for digest, link in zip(named, self._read(paths, named), strict=True):
            if link and str(link.digest) == digest:
                yield link
            elif link:
                self._report(link.path, f"names {link.digest}, which is not what its folder says")

    def _named_by(self, folder: str) -> list[str]:
        """Digests, valid or not, by the names of the folders that their links are in."""
        return [
            f"{algorithm}:{encoded}"
            for algorithm in self._folders(folder)
            for encoded in self._folders(f"{folder}/{algorithm}")
        ]

    def _folders(self, folder: str) -> list[str]:
        return sorted(self._medium.folders(folder, self._report), key=os.fsencode)

    def _read(self, paths: Sequence[str], likely: Collection[str]) -> Iterator[Link | None]:
        """Links, and None for those that were deleted or are damaged."""
        for path, file in zip(paths, self._medium.read_links(paths, likely, self._report), strict=True):
            yield self._parse(path, file) if file else None

    def _parse(self, path: str, file: LinkFile) -> Link | None:
        try:
            digest = Digest.parse(file.content.decode("ascii", "replace"))
        except InvalidDigest as error:
            self._report(path, f"is not a link: {error}")
            return None
        return Link(path, digest, file.written_at)


def possible_roots(place: AnyPath) -> Iterator[AnyPath]:
    """The roots of which `place` is the root itself, or one of the folders `docker/registry/v2`."""
    for inside in range(len(V2), -1, -1):
        if place.parts[len(place.parts) - inside :] == V2[:inside]:
            yield place.parents[inside - 1] if inside else place


def not_legacy(place: str) -> NotLegacyStorage:
    return NotLegacyStorage(f"{place} is not the storage of a registry: it has no folder {REPOSITORIES}")


def blob_location(digest: Digest) -> str:
    """Where a blob is, as the location in a blob store with the same root."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def is_blob_location(location: str) -> bool:
    """Whether it is where such a storage keeps a blob, or a manifest."""
    return _BLOB.fullmatch(location) is not None
