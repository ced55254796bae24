"""What is inside an image: `/additions/files` and `/additions/difference`. Not Harbor's: it has none."""

from typing import Literal

from starlette.responses import Response

from registry.api.answers import Model, paged, part_of
from registry.api.places import reference_of, repository_of
from registry.api.queries import parse_listing, parse_number
from registry.contracts import answers
from registry.core.files import Change, Files, ImageFiles, SettingChange
from registry.core.layers import LayerState, Status
from registry.errors import NotFound
from registry.oci.insides import Layer, Line
from registry.oci.names import Reference
from registry.oci.tars import Entry, Kind
from registry.oci.trees import Difference, LayerChanges, Node, PathChange
from registry.web import Call
from storage.metadata.listings import Listing


class ImageLayer(Model, kw_only=True):
    """A layer, and what it did to those below it; `wasted` are bytes of its files that are not in the image."""

    digest: str
    size: int
    status: Status
    reason: str = ""
    added: int = 0
    changed: int = 0
    removed: int = 0
    wasted: int = 0


class ImageFile(Model, kw_only=True):
    """Something in a folder; `total` are the bytes of all that is in it, `layer` the number of the one it is from."""

    name: str
    kind: Kind
    mode: int = 0
    total: int
    target: str = ""
    layer: int


class LayerChange(Model, kw_only=True):
    """What a layer did to a path; `size` is in bytes."""

    path: str
    change: Literal["added", "changed", "removed"]
    size: int = 0


class FilesOfImage(Model, kw_only=True):
    """`is_ready` is false while layers are being read: it is asked again then. `files` are those of the folder at
    `path`, or `changes` those of a layer. `total` and `wasted` are bytes of the whole image.
    """

    digest: str
    is_ready: bool
    path: str = ""
    total: int = 0
    wasted: int = 0
    layers: list[ImageLayer]
    files: list[ImageFile]
    changes: list[LayerChange]


class Package(Model, kw_only=True):
    """A package whose version differs; the one that is not there has none."""

    name: str
    before: str = ""
    after: str = ""


class Setting(Model, kw_only=True):
    """A setting of the config, with the lines that only the one or only the other has."""

    name: str
    before: list[str]
    after: list[str]


class FileState(Model, kw_only=True):
    kind: Kind
    mode: int = 0
    size: int = 0
    target: str = ""


class FileChange(Model, kw_only=True):
    path: str
    before: FileState | None = None
    after: FileState | None = None


class DifferenceOfImages(Model, kw_only=True):
    """`before` and `after` are the digests of the images; layers are those that only one of them has."""

    before: str
    after: str
    is_ready: bool
    layers_before: list[str]
    layers_after: list[str]
    settings: list[Setting]
    packages: list[Package]
    files: list[FileChange]


class FileEndpoints:
    def __init__(self, files: Files) -> None:
        self._files = files

    @answers(FilesOfImage, query=("path", "layer", "page", "page_size"), refuses=(400,))
    def index(self, call: Call) -> Response:
        """The files of an image, a folder at a time, or what one of its layers changed."""
        image, listing = self._files.get(repository_of(call), reference_of(call)), _listing(call)
        tree = image.merged.tree if image.merged else None
        layers = _layers(image)
        told = FilesOfImage(digest=image.record.digest, is_ready=tree is not None, layers=layers, files=[], changes=[])
        if tree is None:
            return paged(call, listing, told, 0)
        told.total, told.wasted = tree.root.total, sum(layer.wasted for layer in layers)
        if call.query("layer"):
            number = parse_number(call.request.query_params, "layer", 0)
            if number >= len(layers):
                raise NotFound(f"the image has {len(layers)} layers")
            changes = tree.layers[number].in_order()
            told.changes = [_change(each) for each in part_of(listing, changes)]
            return paged(call, listing, told, len(changes))
        told.path = (call.query("path") or "").strip("/")
        children = sorted(image.must_find(told.path).children.items())
        told.files = [_file(*each) for each in part_of(listing, children)]
        return paged(call, listing, told, len(children))

    @answers(DifferenceOfImages, query=("with!", "path", "page", "page_size"), refuses=(400,))
    def difference(self, call: Call) -> Response:
        """What is different in another image of the repository; of the files a page is told."""
        other, listing = Reference.parse(call.query("with") or ""), _listing(call)
        found = self._files.compare(repository_of(call), reference_of(call), other)
        files = found.files_below(call.query("path") or "")
        only_before, only_after = found.layers_of_one
        told = DifferenceOfImages(
            before=found.before.record.digest,
            after=found.after.record.digest,
            is_ready=found.is_known,
            layers_before=only_before,
            layers_after=only_after,
            settings=[_setting(each) for each in found.settings],
            packages=[
                Package(name=each.name, before=each.before or "", after=each.after or "") for each in found.packages
            ],
            files=[_file_change(each) for each in part_of(listing, files)],
        )
        return paged(call, listing, told, len(files))


def _listing(call: Call) -> Listing:
    return parse_listing(call.request.query_params)


def _layers(image: ImageFiles) -> list[ImageLayer]:
    changes = image.merged.tree.layers if image.merged else [None] * len(image.layers)
    return [_layer(layer, state, told) for (layer, state), told in zip(image.layers, changes, strict=True)]


def _layer(layer: Layer, state: LayerState, changes: LayerChanges | None) -> ImageLayer:
    told = ImageLayer(digest=layer.digest, size=layer.size, status=state.status, reason=state.reason)
    if changes:
        told.added, told.changed, told.removed = len(changes.added), len(changes.changed), len(changes.removed)
        told.wasted = changes.wasted
    return told


def _file(name: str, node: Node) -> ImageFile:
    entry = node.entry or Entry(name, "folder")
    return ImageFile(
        name=name, kind=entry.kind, mode=entry.mode, total=node.total, target=entry.target, layer=node.layer
    )


def _change(change: PathChange) -> LayerChange:
    return LayerChange(path=change.path, change=change.kind, size=change.size)


def _package(change: Change) -> Package:
    return Package(name=change.name, before=change.before or "", after=change.after or "")


def _setting(change: SettingChange) -> Setting:
    before, after = ([_line(line) for line in lines] for lines in (change.before, change.after))
    return Setting(name=change.name, before=before, after=after)


def _line(line: Line) -> str:
    return f"{line.text}={line.hidden}" if line.hidden else line.text


def _file_change(change: Difference) -> FileChange:
    return FileChange(path=change.path, before=_state(change.before), after=_state(change.after))


def _state(entry: Entry | None) -> FileState | None:
    if entry is None:
        return None
    return FileState(kind=entry.kind, mode=entry.mode, size=entry.size, target=entry.target)
