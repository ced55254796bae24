"""Blobs and images that nobody has pushed before, made at next to no cost: all of a size differ in a few bytes only."""

import hashlib
import json
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
MIB = 1 << 20
_COPY_BYTES = 32 * 1024  # what Docker's io.Copy sends as a chunk (RFC 9112, 7.1)
_UNIQUE_BYTES = 16
_BLOCK = random.Random(1).randbytes(MIB)


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that nobody has pushed before: always the same, and then `tail`, which is not."""

    size: int
    tail: bytes
    digest: str

    @classmethod
    def new(cls, size: int) -> "Blob":
        tail = os.urandom(_UNIQUE_BYTES)
        hasher = _hasher(size).copy()
        hasher.update(tail)
        return cls(size, tail, f"sha256:{hasher.hexdigest()}")

    def chunks(self) -> Iterable[bytes]:
        """The body of a request in chunks of the size that Docker sends, a MiB at a time."""
        blocks, rest = divmod(self.size - _UNIQUE_BYTES, MIB)
        for _ in range(blocks):
            yield _framed(MIB)
        yield _framed(rest) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.tail), self.tail)


@cache
def _hasher(size: int) -> "hashlib._Hash":
    blocks, rest = divmod(size - _UNIQUE_BYTES, MIB)
    hasher = hashlib.sha256()
    for _ in range(blocks):
        hasher.update(_BLOCK)
    hasher.update(_BLOCK[:rest])
    return hasher


@cache
def _framed(size: int) -> bytes:
    pieces = (_BLOCK[start : min(start + _COPY_BYTES, size)] for start in range(0, size, _COPY_BYTES))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was pushed, or is going to be; the first blob is its configuration."""

    blobs: Sequence[Blob]
    manifest: bytes
    tag: str

    @classmethod
    def new(cls, layer_size: int, layers: int, config_size: int = 1500) -> "Image":
        config, *others = blobs = [Blob.new(config_size), *(Blob.new(layer_size) for _ in range(layers))]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip") for layer in others],
        }
        return cls(blobs, json.dumps(manifest).encode(), config.tail.hex())

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


def _descriptor(blob: Blob, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}
