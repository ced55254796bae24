"""The files of an image: its layers one over the other (image-spec layer.md, section "Applying Changesets").

What a layer removes is of the layers below it alone, wherever in the layer that stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from registry.oci.tars import Entry

NODES_LIMIT = 600_000
"""Files and folders of an image; a folder counts again for each time that it is made."""


class TreeTooLarge(Exception):
    """The layers have more than `NODES_LIMIT` files and folders."""


@dataclass(slots=True, eq=False)
class Node:
    """Something in the tree, of the layer with that number; `total` is the bytes of all files in it, or its own.

    `entry` is None for a folder that no layer tells of, though things are in it.
    """

    entry: Entry | None
    layer: int
    children: dict[str, "Node"] = field(default_factory=dict)
    total: int = 0

    @property
    def is_folder(self) -> bool:
        return self.entry is None or self.entry.kind == "folder"


@dataclass(frozen=True, slots=True)
class PathChange:
    """What a layer did to one path; `size` is in bytes."""

    path: str
    kind: Literal["added", "changed", "removed"]
    size: int = 0


@dataclass(frozen=True, slots=True)
class LayerChanges:
    """What a layer did to those below it: paths in bytewise order, those that it has with their bytes; and `wasted`,
    the bytes of its own files that are not in the image, because they are removed or put anew.
    """

    added: Mapping[str, int]
    changed: Mapping[str, int]
    removed: Sequence[str]
    wasted: int

    def in_order(self) -> list[PathChange]:
        """All of them, in bytewise order of their paths."""
        changes = [
            *(PathChange(path, "added", size) for path, size in self.added.items()),
            *(PathChange(path, "changed", size) for path, size in self.changed.items()),
            *(PathChange(path, "removed") for path in self.removed),
        ]
        return sorted(changes, key=lambda change: change.path)


@dataclass(frozen=True, slots=True)
class Tree:
    """The image as it is in the end, and how each layer made it that."""

    root: Node
    layers: list[LayerChanges]

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in filter(None, path.split("/")):
            node = node.children.get(name) if node else None
        return node


@dataclass(frozen=True, slots=True)
class Difference:
    """What is at a path in one image and in the other; None where nothing is."""

    path: str
    before: Entry | None
    after: Entry | None


def merge(layers: Sequence[Sequence[Entry]]) -> Tree:
    """The tree of the layers, the lowest first. Raises `TreeTooLarge`."""
    merging = _Merging(len(layers))
    for number, entries in enumerate(layers):
        merging.apply(number, entries)
    _sum_up(merging.root)
    changes = [LayerChanges(*told, wasted) for told, wasted in zip(merging.told, merging.wasted, strict=True)]
    return Tree(merging.root, changes)


def differences(before: Tree, after: Tree) -> Iterator[Difference]:
    """What differs in kind, mode, content or target, in bytewise order."""
    old, new = dict(_entries(before.root)), dict(_entries(after.root))
    for path in sorted(old.keys() | new.keys()):
        if _nature(old.get(path)) != _nature(new.get(path)):
            yield Difference(path, old.get(path), new.get(path))


def _nature(entry: Entry | None) -> tuple[object, ...] | None:
    return None if entry is None else (entry.kind, entry.mode, entry.size, entry.target, entry.mark)


class _Merging:
    """`told` is what each layer added, changed and removed."""

    def __init__(self, count: int) -> None:
        self.root = Node(None, 0)
        self.told: list[tuple[dict[str, int], dict[str, int], list[str]]] = []
        self.wasted = [0] * count
        self._number = self._made = 0
        self._put: dict[str, int] = {}
        self._gone: set[str] = set()

    def apply(self, number: int, entries: Sequence[Entry]) -> None:
        self._number, self._put, self._gone = number, {}, set()
        for entry in entries:
            if entry.kind in ("whiteout", "opaque"):
                self._take_away(entry)
        for entry in entries:
            if entry.kind not in ("whiteout", "opaque"):
                self._add(entry)
        put, gone = self._put, self._gone
        added = {path: put[path] for path in sorted(put.keys() - gone)}
        changed = {path: put[path] for path in sorted(put.keys() & gone)}
        self.told.append((added, changed, sorted(gone - put.keys())))

    def _take_away(self, entry: Entry) -> None:
        folder, _, name = entry.path.rpartition("/")
        is_opaque = entry.kind == "opaque"
        parent = Tree(self.root, []).find(entry.path if is_opaque else folder)
        for child in list(parent.children if is_opaque else (name,)) if parent else ():
            self._remove(parent, child, f"{entry.path}/{child}".lstrip("/") if is_opaque else entry.path)

    def _remove(self, parent: Node | None, name: str, path: str) -> None:
        """With all that is in it."""
        node = parent.children.pop(name, None) if parent else None
        for below, gone in _walk(path, node) if node else ():
            if gone.entry and gone.entry.kind == "file":
                self.wasted[gone.layer] += gone.entry.size
            if gone.layer != self._number:
                self._gone.add(below)
            self._put.pop(below, None)

    def _add(self, entry: Entry) -> None:
        folders, _, name = entry.path.rpartition("/")
        parent, path = self.root, ""
        for folder in filter(None, folders.split("/")):
            path = f"{path}/{folder}".lstrip("/")
            parent = self._folder(parent, folder, path)
        old = parent.children.get(name)
        if old and old.is_folder and entry.kind == "folder":
            self._renew(old, entry)
            return
        self._remove(parent, name, entry.path)
        parent.children[name] = self._node(entry)
        self._put[entry.path] = entry.size

    def _folder(self, parent: Node, name: str, path: str) -> Node:
        """The one of that name; a thing that is none makes room for it."""
        found = parent.children.get(name)
        if found and found.is_folder:
            return found
        self._remove(parent, name, path)
        parent.children[name] = made = self._node(None)
        self._put[path] = 0
        return made

    def _node(self, entry: Entry | None) -> Node:
        self._made += 1
        if self._made > NODES_LIMIT:
            raise TreeTooLarge
        return Node(entry, self._number)

    def _renew(self, folder: Node, entry: Entry) -> None:
        """Layers repeat the folders that things are in: only another mode is a change."""
        is_changed = folder.entry is not None and folder.entry.mode != entry.mode
        if is_changed and folder.layer != self._number:
            self._gone.add(entry.path)
            self._put[entry.path] = 0
        if is_changed or folder.entry is None:
            folder.entry, folder.layer = entry, self._number


def _walk(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    """The node and all that is in it, what contains before what it contains."""
    waiting = [(path, node)]
    while waiting:
        at, found = waiting.pop()
        yield at, found
        waiting += ((f"{at}/{name}".lstrip("/"), child) for name, child in found.children.items())


def _entries(root: Node) -> Iterator[tuple[str, Entry]]:
    return ((path, node.entry) for path, node in _walk("", root) if node.entry)


def _sum_up(root: Node) -> None:
    for _, node in reversed(list(_walk("", root))):
        own = node.entry.size if node.entry and node.entry.kind == "file" else 0
        node.total = own + sum(child.total for child in node.children.values())
