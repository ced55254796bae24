"""One artifact: what it is, how it is pulled, and what is inside."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from registry.core.insides import Insides
from registry.errors import NotFound
from registry.oci.artifacts import CHART, IMAGE, accessory_kind
from registry.oci.insides import settings_of, steps_of
from registry.oci.names import Reference
from registry.ui.pages import Pages
from registry.ui.repositories import repository_of
from registry.web import Call

_IMAGE_COMMANDS = ("docker pull ", "podman pull ", "nerdctl pull ", "crictl pull ", "skopeo inspect docker://")
_SHOWN_LIMIT = 256 * 1024  # bytes of a manifest; larger ones are only for downloading


class ArtifactScreens:
    def __init__(self, pages: Pages, insides: Insides) -> None:
        self._pages = pages
        self._insides = insides

    def get(self, call: Call) -> Response:
        repository, reference = repository_of(call), Reference.parse(call.path("reference"))
        inside = self._insides.get(repository, reference)
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
            attached=[
                (each, accessory_kind(each.artifact_type, each.config_media_type, each.tag))
                for each in inside.artifact.accessories
            ],
            parents=inside.parents,
            manifest=msgspec.json.format(inside.manifest, indent=2).decode()
            if len(inside.manifest) <= _SHOWN_LIMIT
            else "",
            has_config=bool(inside.config),
        )

    def download(self, call: Call) -> Response:
        """The manifest or the config to the byte. Raises `NotFound`."""
        inside = self._insides.get(repository_of(call), Reference.parse(call.path("reference")))
        part = call.path("part")
        content = {"manifest.json": inside.manifest, "config.json": inside.config}.get(part)
        if not content:
            raise NotFound("there is no such part")
        headers = {"Content-Disposition": f'attachment; filename="{part}"'}
        return Response(content, headers=headers, media_type="application/json")


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
