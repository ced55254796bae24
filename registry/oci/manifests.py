"""Manifests: what a pushed document is, and what it names (image-spec manifest.md and image-index.md).

A document has one meaning or is refused: its Content-Type, its `mediaType` and its fields must tell the same story, for
clients would otherwise disagree about what a digest stands for (CVE-2021-41190). A field that is null counts as absent,
as it does for the clients, which are written in Go. Unknown fields are ignored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from registry.errors import ManifestInvalid
from registry.oci import media_types
from registry.oci.artifacts import kind_of
from registry.oci.bounds import USUAL, Bounds
from registry.oci.descriptors import (
    Descriptor,
    must_be_spelled,
    parse_annotations,
    parse_descriptor,
    parse_media_type,
)
from registry.oci.documents import parse_object
from storage.digest import Digest

# Bytes. The distribution spec asks for 4 MiB at least; containerd's limit is 4 * 1048 * 1048, so what it can pull is a
# little larger, and should be pushable.
MANIFEST_LIMIT = 4_393_216

# The fields that make a document an image, an index or an artifact manifest, and the media types of each.
_SHAPES = {
    "config": media_types.IMAGE_TYPES,
    "layers": media_types.IMAGE_TYPES,
    "manifests": media_types.INDEX_TYPES,
    "blobs": frozenset({media_types.OCI_ARTIFACT}),
}
_FIELDS = frozenset({"schemaVersion", "mediaType", "artifactType", "subject", "annotations", *_SHAPES})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the registry needs to know of a manifest; its bytes are kept beside it, untouched.

    `references` has one entry for each digest and kind, in the document's order, and leaves the subject out.
    `config_type` is the media type of its config, if it has one.
    """

    media_type: str
    artifact_type: str | None
    config_type: str | None
    subject: Digest | None
    annotations: dict[str, str]
    references: tuple[Descriptor, ...]

    @property
    def kind(self) -> str:
        """What it is of, such as `IMAGE`."""
        return kind_of(self.media_type, self.config_type, self.artifact_type)

    @classmethod
    def parse(cls, content_type: str | None, content: bytes, bounds: Bounds = USUAL) -> "Manifest":
        """Read a manifest of at most `MANIFEST_LIMIT` bytes, which the caller has made sure of.

        A Content-Type that is missing or says nothing, as `application/json`, leaves it to the document. Raises
        `ManifestInvalid`.
        """
        document = parse_object(content, depth=bounds.depth)
        must_be_spelled(document, _FIELDS, "the manifest")
        media_type = _media_type(content_type, document)
        _must_have_shape(document, media_type)
        config_type = _config_type(document, bounds)
        return cls(
            media_type=media_type,
            artifact_type=_artifact_type(document) or config_type,
            config_type=config_type,
            subject=_subject(document, bounds),
            annotations=parse_annotations(document, "the manifest", bounds),
            references=_distinct(_references(document, bounds)),
        )


def describe(
    *, digest: Digest, size: int, media_type: str, artifact_type: str | None, annotations: Mapping[str, str]
) -> dict[str, object]:
    """The descriptor of a stored manifest in a list of referrers (distribution spec, section "Listing Referrers")."""
    descriptor: dict[str, object] = {"mediaType": media_type, "size": size, "digest": str(digest)}
    if artifact_type is not None:
        descriptor["artifactType"] = artifact_type
    if annotations:
        descriptor["annotations"] = dict(annotations)
    return descriptor


def referrers_index(descriptors: Iterable[Mapping[str, object]]) -> bytes:
    """The index that answers a request for referrers; it is there even when it is empty."""
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": list(descriptors)}
    return msgspec.json.encode(index)


def _media_type(content_type: str | None, document: Mapping[str, object]) -> str:
    pushed_as = media_types.essence(content_type)
    if pushed_as in media_types.GENERIC_TYPES:
        pushed_as = None
    stated = document.get("mediaType")
    if stated in (None, ""):
        stated = pushed_as or _inferred_type(document)
    if pushed_as not in (None, stated):
        raise ManifestInvalid(f"the manifest was pushed as {_shown(pushed_as)} but its mediaType is {_shown(stated)}")
    if document.get("schemaVersion") == 1 or (isinstance(stated, str) and stated in media_types.SCHEMA1_TYPES):
        raise ManifestInvalid("schema 1 manifests are not accepted, for clients dropped them: push schema 2 or OCI")
    if not isinstance(stated, str) or stated not in media_types.MANIFEST_TYPES:
        raise ManifestInvalid(f"{_shown(stated)} is not the media type of a manifest")
    return stated


def _inferred_type(document: Mapping[str, object]) -> str | None:
    """Only OCI's types may be left out of a document; its artifact manifest had to name its own."""
    if "manifests" in document:
        return media_types.OCI_INDEX
    return media_types.OCI_MANIFEST if "config" in document else None


def _shown(value: object) -> str:
    return repr(value)[:200]


def _must_have_shape(document: Mapping[str, object], media_type: str) -> None:
    for field, types in _SHAPES.items():
        if media_type not in types and document.get(field) is not None:
            raise ManifestInvalid(f"a manifest of type {media_type} cannot have {field!r}")
    if media_type in media_types.INDEX_TYPES and "manifests" not in document:
        raise ManifestInvalid("an index needs 'manifests'")
    if media_type in media_types.IMAGE_TYPES and document.get("config") is None:
        raise ManifestInvalid("an image manifest needs a 'config'")
    version = document.get("schemaVersion")
    if media_type != media_types.OCI_ARTIFACT and (version != 2 or isinstance(version, float)):
        raise ManifestInvalid("the manifest's schemaVersion is not 2")


def _artifact_type(document: Mapping[str, object]) -> str | None:
    """The document's own; without one that of an image's configuration counts (distribution spec, section "Listing
    Referrers").
    """
    stated = document.get("artifactType")
    return parse_media_type(stated, "artifactType") if stated not in (None, "") else None


def _config_type(document: Mapping[str, object], bounds: Bounds) -> str | None:
    config = document.get("config")
    return parse_descriptor(config, "config", bounds).media_type if config is not None else None


def _subject(document: Mapping[str, object], bounds: Bounds) -> Digest | None:
    subject = document.get("subject")
    return parse_descriptor(subject, "subject", bounds).digest if subject is not None else None


def _references(document: Mapping[str, object], bounds: Bounds) -> list[Descriptor]:
    config = document.get("config")
    found = [] if config is None else [replace(parse_descriptor(config, "config", bounds), required=True)]
    found += _descriptors(document, "layers", bounds)
    found += _descriptors(document, "blobs", bounds)
    return found + [_child(descriptor) for descriptor in _descriptors(document, "manifests", bounds)]


def _descriptors(document: Mapping[str, object], field: str, bounds: Bounds) -> list[Descriptor]:
    entries = document.get(field)
    if entries is None:
        return []
    if not isinstance(entries, list) or len(entries) > bounds.descriptors:
        raise ManifestInvalid(f"{field!r} is not a list of at most {bounds.descriptors:,} descriptors")
    return [parse_descriptor(entry, f"{field}[{position}]", bounds) for position, entry in enumerate(entries)]


def _child(descriptor: Descriptor) -> Descriptor:
    if not media_types.names_manifest(descriptor.media_type):
        return descriptor
    return replace(descriptor, kind="manifest", required=True)


def _distinct(references: list[Descriptor]) -> tuple[Descriptor, ...]:
    sizes: dict[Digest, int] = {}
    found: dict[tuple[Digest, str], Descriptor] = {}
    for reference in references:
        if sizes.setdefault(reference.digest, reference.size) != reference.size:
            raise ManifestInvalid(f"the manifest gives {reference.digest} two different sizes")
        key = (reference.digest, reference.kind)
        if key not in found or reference.required:
            found[key] = reference
    return tuple(found.values())
