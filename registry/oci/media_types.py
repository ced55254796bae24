"""Media types of manifests: which are accepted, and what shape of document each one promises."""

import re

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"  # image-spec 1.1.0-rc1 and rc2 only

IMAGE_TYPES = frozenset({DOCKER_MANIFEST, OCI_MANIFEST})
INDEX_TYPES = frozenset({DOCKER_LIST, OCI_INDEX})
MANIFEST_TYPES = IMAGE_TYPES | INDEX_TYPES | {OCI_ARTIFACT}

SCHEMA1_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)

_CHILD_TYPES = MANIFEST_TYPES | SCHEMA1_TYPES

# What HTTP libraries send when the caller named no type: they say nothing about the document.
GENERIC_TYPES = frozenset({"application/json", "application/octet-stream"})

LENGTH_LIMIT = 255

_NOT_DISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)

# Parameters are let through: `application/vnd.dev.sigstore.bundle+json;version=0.2` is in real manifests.
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_NAME}/{_NAME}(?: *;[ -~]*)?")


def is_media_type(text: str) -> bool:
    """Whether the text is `type/subtype` (RFC 6838, section 4.2), maybe with parameters, of 255 characters at most."""
    return len(text) <= LENGTH_LIMIT and _MEDIA_TYPE.fullmatch(text) is not None


def essence(content_type: str | None) -> str | None:
    """The lower-case `type/subtype` of a Content-Type, its parameters dropped; None when there is nothing."""
    return (content_type or "").partition(";")[0].strip(" \t").lower() or None


def is_distributable(media_type: str) -> bool:
    """False for layers that no registry may pass on (image-spec layer.md, section "Non-Distributable Layers")."""
    return not media_type.startswith(_NOT_DISTRIBUTABLE)


def names_manifest(media_type: str) -> bool:
    """Whether a descriptor of this type in an index means a manifest; any other is a blob, as in BuildKit's caches.

    Schema 1 counts: such a child can be missing, but it is not a blob.
    """
    return essence(media_type) in _CHILD_TYPES
