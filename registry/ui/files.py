"""What is inside an image: its files by folder, what each layer did, and in what two images differ."""

from starlette.responses import Response

from registry.core.artifacts import Artifacts, Wanted
from registry.core.files import Files, ImageFiles
from registry.core.repositories import Repository
from registry.errors import BadQuery, DigestInvalid, ManifestUnknown, NotFound, TagInvalid
from registry.oci.names import Reference
from registry.oci.trees import Node
from registry.ui.languages import marked
from registry.ui.lists import part_of
from registry.ui.pages import Pages
from registry.ui.repositories import repository_of
from registry.web import Call
from storage.metadata.listings import Listing

_OFFERED = 50  # artifacts whose tags are offered to compare with


class FileScreens:
    def __init__(self, pages: Pages, files: Files, artifacts: Artifacts) -> None:
        self._pages = pages
        self._files = files
        self._artifacts = artifacts

    def index(self, call: Call) -> Response:
        """A folder, or with `layer` what that one did. Raises `NotFound`."""
        repository, reference = repository_of(call), Reference.parse(call.path("reference"))
        image = self._files.get(repository, reference)
        path, number = (call.query("path") or "").strip("/"), _layer(call, image)
        tree = image.merged.tree if image.merged else None
        files = part_of(call, _largest_first(image.must_find(path)), "path") if tree and number is None else None
        changes = part_of(call, tree.layers[number].in_order(), "layer") if tree and number is not None else None
        return self._pages.show(
            call,
            "files.html",
            repository=repository,
            reference=reference,
            image=image,
            folder=path,
            folders=_folders(path),
            number=number,
            files=files,
            changes=changes,
            wasted=sum(layer.wasted for layer in tree.layers) if tree else 0,
        )

    def compare(self, call: Call) -> Response:
        """With the artifact that `with` names; without that it is asked for."""
        repository, reference = repository_of(call), Reference.parse(call.path("reference"))
        other, found, error = (call.query("with") or "").strip(), None, ""
        if other:
            try:
                found = self._files.compare(repository, reference, Reference.parse(other))
            except (ManifestUnknown, TagInvalid, DigestInvalid):
                error = marked("There is no such tag or digest in this repository.")
            except BadQuery:
                error = marked("Only images with layers can be compared.")
        return self._pages.show(
            call,
            "compare.html",
            422 if error else 200,
            repository=repository,
            reference=reference,
            other=other,
            error=error,
            found=found,
            tags=self._tags(repository),
            files=part_of(call, found.files, "with") if found else None,
        )

    def _tags(self, repository: Repository) -> list[str]:
        """Of what was pushed last."""
        listing = Listing(sort=("-push_time",), size=_OFFERED)
        found, _ = self._artifacts.page(repository, listing, Wanted(accessories=False))
        return [tag.dates.name for each in found for tag in each.tags]


def _layer(call: Call, image: ImageFiles) -> int | None:
    text = call.query("layer")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < len(image.layers)):
        raise NotFound("the image has no such layer")
    return int(text)


def _largest_first(folder: Node) -> list[tuple[str, Node]]:
    return sorted(folder.children.items(), key=lambda child: (-child[1].total, child[0]))


def _folders(path: str) -> list[tuple[str, str]]:
    """The folders on the way to a path, each with its name."""
    parts = path.split("/") if path else []
    return [("/".join(parts[: place + 1]), name) for place, name in enumerate(parts)]
