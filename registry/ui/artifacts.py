"""One artifact: what it is, how it is pulled, and what is inside."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec
from starlette.responses import Response

from registry.core.additions import Additions
from registry.core.insides import SHARING, Insides
from registry.core.repositories import Repository
from registry.errors import NotFound
from registry.oci.artifacts import CHART, COSIGN_SIGNATURE, IMAGE, NOTATION_SIGNATURE, SBOM, accessory_kind
from registry.oci.insides import settings_of, steps_of
from registry.oci.names import Reference
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.ui.repositories import repository_of
from registry.web import Call
from storage.metadata.artifacts import AccessoryRecord

_IMAGE_COMMANDS = ("docker pull ", "podman pull ", "nerdctl pull ", "crictl pull ", "skopeo inspect docker://")
ATTACHED = {
    COSIGN_SIGNATURE: marked("Signature (cosign)"),
    NOTATION_SIGNATURE: marked("Signature (notation)"),
    SBOM: marked("Bill of materials"),
}
_CHART_FILES = ("readme.md", "values.yaml")
_SHOWN_LIMIT = 256 * 1024  # bytes of a manifest; larger ones are only for downloading


class ArtifactScreens:
    def __init__(self, pages: Pages, insides: Insides, additions: Additions) -> None:
        self._pages = pages
        self._insides = insides
        self._additions = additions

    def get(self, call: Call) -> Response:
        repository, reference = repository_of(call), Reference.parse(call.path("reference"))
        inside = self._insides.get(call.actor, repository, reference)
        record, tags = inside.artifact.record, [tag.dates.name for tag in inside.artifact.tags]
        image = f"{self._pages.host(call.request)}/{repository.name}"
        steps = steps_of(inside.manifest, inside.config)
        tag = reference.tag or next(iter(tags), None)
        return self._pages.show(
            call,
            "artifact.html",
            repository=repository,
            reference=reference,
            artifact=inside.artifact,
            tags=tags,
            annotations=msgspec.json.decode(record.annotations, type=dict[str, str]),
            by_tag=_commands(record.kind, image, f":{tag}") if tag else (),
            by_digest=_commands(record.kind, image, f"@{record.digest}"),
            steps=steps,
            largest=max((step.layer.size for step in steps if step.layer), default=0),
            settings=settings_of(inside.config) if record.kind == IMAGE else (),
            kinds=ATTACHED,
            attached=[
                (each, accessory_kind(each.artifact_type, each.config_media_type, each.tag))
                for each in inside.artifact.accessories
            ],
            parents=inside.parents,
            elsewhere=inside.elsewhere,
            sharing=inside.sharing,
            most=SHARING,
            verify=_verification(image, record.digest, inside.artifact.accessories),
            chart=self._chart(call, repository, reference) if record.kind == CHART else {},
            manifest=_indented(inside.manifest),
            config=_indented(inside.config),
            has_config=bool(inside.config),
        )

    def _chart(self, call: Call, repository: Repository, reference: Reference) -> dict[str, str]:
        """The files of a chart that people read first, as far as it has them and they may see them."""
        found: dict[str, str] = {}
        for name in _CHART_FILES if "artifact-addition:read" in call.permissions else ():
            with suppress(NotFound):
                content, _ = self._additions.read(repository, reference, name)
                found[name] = content[:_SHOWN_LIMIT].decode(errors="replace")
        return found

    def download(self, call: Call) -> Response:
        """The manifest or the config to the byte. Raises `NotFound`."""
        inside = self._insides.get(call.actor, repository_of(call), Reference.parse(call.path("reference")))
        part = call.path("part")
        content = {"manifest.json": inside.manifest, "config.json": inside.config}.get(part)
        if not content:
            raise NotFound("there is no such part")
        headers = {"Content-Disposition": f'attachment; filename="{part}"'}
        return Response(content, headers=headers, media_type="application/json")


def _indented(document: bytes) -> str:
    """JSON as people read it; nothing of what is larger than what is shown, or no JSON."""
    try:
        return msgspec.json.format(document, indent=2).decode() if len(document) <= _SHOWN_LIMIT else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _verification(image: str, digest: str, attached: Sequence[AccessoryRecord]) -> str:
    """What tells whether a signature is by whom it should be; nothing where there is none."""
    kinds = {accessory_kind(each.artifact_type, each.config_media_type, each.tag) for each in attached}
    if COSIGN_SIGNATURE in kinds:
        return f"cosign verify --key cosign.pub {image}@{digest}"
    return f"notation verify {image}@{digest}" if NOTATION_SIGNATURE in kinds else ""


def _commands(kind: str | None, image: str, suffix: str) -> Sequence[str]:
    """What pulls an artifact, each as a line; `suffix` is its tag or digest with what separates it from the name."""
    if kind == IMAGE:
        return [f"{command}{image}{suffix}" for command in _IMAGE_COMMANDS]
    if kind == CHART:
        return [
            f"helm pull oci://{image} --version {suffix[1:]}"
            if suffix[0] == ":"
            else f"helm pull oci://{image}{suffix}"
        ]
    return [f"oras pull {image}{suffix}"]
