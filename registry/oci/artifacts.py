"""What a manifest is of: an image, a chart, a signature, as Harbor's API calls them, and what its config says of it.

The names are Harbor's, because its clients filter by them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from registry.oci import media_types

IMAGE, CHART, UNKNOWN = "IMAGE", "CHART", "UNKNOWN"

COSIGN_SIGNATURE, NOTATION_SIGNATURE = "signature.cosign", "signature.notation"
SBOM, NYDUS, OTHER_ACCESSORY = "sbom.harbor", "accelerator.nydus", "subject.accessory"

EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
_KINDS = {
    "application/vnd.docker.container.image.v1+json": IMAGE,
    "application/vnd.oci.image.config.v1+json": IMAGE,
    "application/vnd.docker.plugin.v1+json": "PLUGIN",
    "application/vnd.cncf.helm.config.v1+json": CHART,
    "application/vnd.cnab.config.v1+json": "CNAB",
    "application/vnd.wasm.config.v1+json": "WASM",
    "application/vnd.wasm.config.v0+json": "WASM",
    "application/vnd.cncf.model.config.v1+json": "CNAI",
    "application/vnd.cnai.model.config.v1+json": "CNAI",
    "application/vnd.goharbor.harbor.sbom.v1": "SBOM",
}
_NAMED_CONFIG = re.compile(r"application/vnd\.[^.]*\.(.*)\.config\.[^.]*\+json")

# What is told of an image: these fields of its config (image-spec config.md).
_IMAGE_FIELDS = ("architecture", "os", "os.version", "variant", "author", "created")
ATTRIBUTES_LIMIT = 64 * 1024  # bytes of JSON


def kind_of(media_type: str, config_type: str | None, artifact_type: str | None) -> str:
    """The kind of an artifact by the media types of its manifest and config; an index is of the kind that it says, and
    usually says nothing because it is of images.
    """
    if media_type in media_types.INDEX_TYPES:
        return _named(artifact_type) if artifact_type else IMAGE
    telling = config_type if config_type not in (None, EMPTY_CONFIG) else artifact_type
    return _named(telling or "")


def _named(media_type: str) -> str:
    named = _NAMED_CONFIG.fullmatch(media_type)
    return _KINDS.get(media_type) or (named[1].upper() if named else UNKNOWN)


def accessory_kind(artifact_type: str | None, config_type: str | None, tag: str | None = None) -> str:
    """What an artifact is to the one that it is about: by its types, and by its tag where that says so."""
    types = f"{artifact_type} {config_type}"
    if "cosign.artifact.sig" in types or "sigstore.bundle" in types or (tag or "").endswith(".sig"):
        return COSIGN_SIGNATURE
    if "cncf.notary.signature" in types:
        return NOTATION_SIGNATURE
    if "harbor.sbom" in types:
        return SBOM
    return NYDUS if "nydus" in types else OTHER_ACCESSORY


def attributes_of(kind: str, config: bytes) -> dict[str, object]:
    """What the config says of the artifact: some fields of an image's, all of any other's; nothing if it is no JSON.

    What is larger than `ATTRIBUTES_LIMIT` is left out, an image's settings first.
    """
    try:
        document = msgspec.json.decode(config, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return {}
    if kind != IMAGE:
        return _if_small(document)
    told = {name: document[name] for name in _IMAGE_FIELDS if document.get(name)}
    settings = document.get("config")
    return _if_small({**told, "config": settings} if isinstance(settings, dict) else told) or _if_small(told)


def _if_small(attributes: dict[str, object]) -> dict[str, object]:
    return attributes if len(msgspec.json.encode(attributes)) <= ATTRIBUTES_LIMIT else {}


def additions_of(kind: str, media_type: str) -> tuple[str, ...]:
    """Names of what can be asked for beside the artifact itself."""
    if media_type in media_types.INDEX_TYPES:
        return ()
    return _ADDITIONS.get(kind, ())


_ADDITIONS: Mapping[str, tuple[str, ...]] = {
    IMAGE: ("build_history",),
    CHART: ("values.yaml", "readme.md", "dependencies"),
}


class Platform(msgspec.Struct, omit_defaults=True, rename={"os_version": "os.version", "os_features": "os.features"}):
    """Where the child of an index runs (image-index.md, `platform`)."""

    architecture: str = ""
    os: str = ""
    os_version: str = ""
    os_features: list[str] | None = None
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """A descriptor in an index, as much of it as lists show."""

    digest: str
    platform: Platform | None
    annotations: Mapping[str, str]
    urls: Sequence[str]


class _Entry(msgspec.Struct):
    digest: str
    platform: msgspec.Raw = msgspec.Raw(b"null")
    annotations: dict[str, str] | None = None
    urls: list[str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Entry] | None = None


def children_of(content: bytes) -> list[Child]:
    """The children that the content of a stored index names. Of platforms that are none nothing is told."""
    entries = msgspec.json.decode(content, type=_Index).manifests or []
    return [
        Child(entry.digest, _platform(entry.platform), entry.annotations or {}, entry.urls or ()) for entry in entries
    ]


def _platform(told: msgspec.Raw) -> Platform | None:
    try:
        return msgspec.json.decode(told, type=Platform | None)
    except msgspec.ValidationError:
        return None
