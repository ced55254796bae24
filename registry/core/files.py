"""The files of an image, layer by layer, and in what two images differ."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from registry.core.artifacts import Artifacts, must_exist
from registry.core.layers import Layers, LayerState
from registry.core.repositories import Repository
from registry.errors import BadQuery, NotFound
from registry.oci import media_types
from registry.oci.artifacts import children_of
from registry.oci.insides import Layer, Line, layers_of, settings_of
from registry.oci.names import Reference
from registry.oci.trees import Difference, Node, Tree, TreeTooLarge, differences, merge
from storage.digest import Digest
from storage.metadata import manifests
from storage.metadata.artifacts import ArtifactRecord
from storage.metadata.database import Database, Transaction

ENTRIES_LIMIT = 300_000
"""Files and packages of the layers of an image together, to be put into a tree: a large one has a third of that."""
Item = TypeVar("Item")

_KEPT = 2  # trees in memory, of what is looked at


@dataclass(frozen=True, slots=True)
class Merged:
    """An image's tree, and the versions of the packages that are installed in it, by their names."""

    tree: Tree
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Of an image, or of the first platform of an index. `merged` is None until each layer has been looked into."""

    record: ArtifactRecord
    layers: Sequence[tuple[Layer, LayerState]]
    merged: Merged | None

    @property
    def read(self) -> tuple[str, ...]:
        """The digests of its layers, empty ones in place of those that cannot be read."""
        return tuple(layer.digest if state.status == "ready" else "" for layer, state in self.layers)

    def must_find(self, path: str) -> Node:
        """The folder at a path. Raises `NotFound`."""
        found = self.merged.tree.find(path) if self.merged else None
        if found is None or not found.is_folder:
            raise NotFound(f"there is no folder {path[:200]!r} in this image")
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """Something with a name that is in the one image, the other, or both: its values there, None where it is not."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SettingChange:
    """The lines of a setting that only the one image has, and those that only the other has."""

    name: str
    before: Sequence[Line]
    after: Sequence[Line]


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """`packages` and `files` are empty until each layer of both has been looked into, which `is_known` tells."""

    before: ImageFiles
    after: ImageFiles
    settings: Sequence[SettingChange]
    packages: Sequence[Change]
    files: Sequence[Difference]

    @property
    def layers_of_one(self) -> tuple[list[str], list[str]]:
        """The digests of the layers that only the one has, and of those that only the other has."""
        before, after = ([layer.digest for layer, _ in each.layers] for each in (self.before, self.after))
        return _without(before, after), _without(after, before)

    def files_below(self, path: str) -> Sequence[Difference]:
        """Those that differ in a folder, and in what is in it."""
        below = f"{path.strip('/')}/".lstrip("/")
        return [each for each in self.files if each.path.startswith(below)] if below else self.files

    @property
    def is_known(self) -> bool:
        return self.before.merged is not None and self.after.merged is not None


class Files:
    def __init__(self, database: Database, artifacts: Artifacts, layers: Layers) -> None:
        self._database = database
        self._artifacts = artifacts
        self._layers = layers
        self._lock = threading.Lock()  # trees are large: what two want is made once
        self._merged = lru_cache(_KEPT)(self._merge)
        self._differences = lru_cache(1)(self._compare)

    def get(self, repository: Repository, reference: Reference) -> ImageFiles:
        """Raises `NameUnknown`, `ManifestUnknown`, and `BadQuery` for what has no layers, or too much in them."""
        with self._database.read() as tx:
            record = _image(tx, repository, must_exist(tx, repository, reference))
            layers = layers_of(manifests.content(tx, record.id))
        if not layers:
            raise BadQuery(f"bad request: {record.digest} has no layers")
        states = self._layers.states(repository, [layer.digest for layer in layers])
        if sum(state.entries for state in states) > ENTRIES_LIMIT:
            raise _too_many(record)
        image = ImageFiles(record, list(zip(layers, states, strict=True)), None)
        if any(state.status == "waiting" for state in states):
            return image
        try:
            with self._lock:
                return replace(image, merged=self._merged(image.read))
        except TreeTooLarge:
            raise _too_many(record) from None

    def compare(self, repository: Repository, reference: Reference, other: Reference) -> ImageDifference:
        """What is different in the other image. Raises as `get` does."""
        before, after = self.get(repository, reference), self.get(repository, other)
        old, new = before.merged, after.merged
        return ImageDifference(
            before,
            after,
            _setting_changes(self._settings(repository, before), self._settings(repository, after)),
            _changes(old.packages, new.packages) if old and new else (),
            self._file_changes(before, after) if old and new else (),
        )

    def _file_changes(self, before: ImageFiles, after: ImageFiles) -> Sequence[Difference]:
        with self._lock:
            return self._differences(before.read, after.read)

    def _settings(self, repository: Repository, image: ImageFiles) -> dict[str, list[Line]]:
        config = self._artifacts.read_config(repository.project, image.record)
        return dict(settings_of(config or b"{}"))

    def _merge(self, digests: tuple[str, ...]) -> Merged:
        indexes = list(self._layers.indexes(digests))
        tree = merge([index.entries for index in indexes])
        packages: dict[str, str] = {}
        for number, index in enumerate(indexes):
            for path, listed in index.lists.items():
                node = tree.find(path)
                if node and node.layer == number:
                    packages |= listed
        return Merged(tree, packages)

    def _compare(self, before: tuple[str, ...], after: tuple[str, ...]) -> Sequence[Difference]:
        return list(differences(self._merged(before).tree, self._merged(after).tree))


def _image(tx: Transaction, repository: Repository, record: ArtifactRecord) -> ArtifactRecord:
    """The artifact, or of an index the first child that is here and runs somewhere. Raises `BadQuery`."""
    if record.media_type not in media_types.INDEX_TYPES:
        return record
    children = children_of(manifests.content(tx, record.id))
    here = manifests.find_many(tx, record.repository_id, [child.digest for child in children])
    for child in children:
        runs = child.platform and child.platform.os not in ("", "unknown")
        if runs and child.digest in here:
            return must_exist(tx, repository, Reference(digest=Digest.parse(child.digest)))
    raise BadQuery(f"bad request: no image that {record.digest} names is here")


def _too_many(record: ArtifactRecord) -> BadQuery:
    return BadQuery(f"bad request: the layers of {record.digest} have too many files and packages to be shown")


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    names = sorted(before.keys() | after.keys())
    return [Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _setting_changes(before: Mapping[str, list[Line]], after: Mapping[str, list[Line]]) -> list[SettingChange]:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [SettingChange(name, *_only_in_one(before.get(name, []), after.get(name, []))) for name in names]


def _only_in_one(before: Sequence[Line], after: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines that the other one has not; all of them where nothing but their order differs."""
    old, new = _without(before, after), _without(after, before)
    return (old, new) if old or new else (list(before), list(after))


def _without(items: Sequence[Item], others: Sequence[Item]) -> list[Item]:
    known = set(others)
    return [each for each in items if each not in known]
