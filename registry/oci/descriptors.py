"""Descriptors: how a manifest names other content (image-spec descriptor.md)."""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from registry.errors import ManifestInvalid
from registry.oci import media_types
from registry.oci.bounds import USUAL, Bounds
from storage.digest import Digest, InvalidDigest

SIZE_LIMIT = 2**53

_FIELDS = frozenset({"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Content that a manifest names: `size` bytes, and `required` when the manifest is of no use without them."""

    digest: Digest
    size: int
    media_type: str
    kind: Literal["blob", "manifest"]
    required: bool


def parse_descriptor(value: object, where: str, bounds: Bounds = USUAL) -> Descriptor:
    """Read a descriptor as that of a blob, required unless it is of the kind that registries may not distribute.

    `where` names the place in the manifest for the sentence of a `ManifestInvalid`. Embedded `data` is held against
    digest and size.
    """
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} is not a descriptor")
    must_be_spelled(value, _FIELDS, where)
    digest, size = _digest(value.get("digest"), where), _size(value.get("size"), where)
    media_type = parse_media_type(value.get("mediaType"), f"{where}.mediaType")
    parse_annotations(value, where, bounds)
    if value.get("data") is not None:
        _must_hold(value["data"], digest, size, where)
    required = not _has_urls(value, where) and media_types.is_distributable(media_type)
    return Descriptor(digest, size, media_type, "blob", required)


def parse_media_type(value: object, where: str) -> str:
    if not isinstance(value, str) or not media_types.is_media_type(value):
        raise ManifestInvalid(f"{where} is not a media type of at most {media_types.LENGTH_LIMIT} characters")
    return value


def parse_annotations(owner: Mapping[str, object], where: str, bounds: Bounds = USUAL) -> dict[str, str]:
    annotations = owner.get("annotations")
    if annotations is None:
        return {}
    if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
        raise ManifestInvalid(f"{where} has annotations that are not an object of strings")
    if len(annotations) > bounds.annotations:
        raise ManifestInvalid(f"{where} has more than {bounds.annotations:,} annotations")
    if sum(len(text.encode()) for entry in annotations.items() for text in entry) > bounds.annotation_bytes:
        raise ManifestInvalid(f"{where} has annotations of more than {bounds.annotation_bytes:,} bytes")
    return annotations


def must_be_spelled(owner: Mapping[str, object], fields: frozenset[str], where: str) -> None:
    """Refuse a known field in another case: clients written in Go would read it, everybody else would not."""
    folded = {field.casefold() for field in fields}
    for key in owner:
        if key not in fields and key.casefold() in folded:
            raise ManifestInvalid(f"{where} has a field {key!r}, which differs from a known one only in case")


def _digest(value: object, where: str) -> Digest:
    try:
        return Digest.parse(value if isinstance(value, str) else "")
    except InvalidDigest as error:
        raise ManifestInvalid(f"{where} has no valid digest: {error}") from None


def _size(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_LIMIT:
        raise ManifestInvalid(f"{where} has no size between 0 and 2^53")
    return value


def _has_urls(entry: Mapping[str, object], where: str) -> bool:
    urls = entry.get("urls")
    if urls is None:
        return False
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ManifestInvalid(f"{where} has urls that are not a list of strings")
    return bool(urls)


def _must_hold(data: object, digest: Digest, size: int, where: str) -> None:
    try:
        content = binascii.a2b_base64(data if isinstance(data, str) else "!", strict_mode=True)
    except ValueError:
        raise ManifestInvalid(f"{where} has data that is not base64") from None
    if len(content) != size or Digest.of(content, digest.algorithm) != digest:
        raise ManifestInvalid(f"{where} has data that does not match its digest and size")
