"""Digests: the names of content (OCI image spec, descriptor.md, section "Digests")."""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol, Self

HEX_LENGTHS = {"sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9a-f]+")


class InvalidDigest(ValueError):
    """The text is not the digest of a supported algorithm in its canonical, lower-case form."""


class Hasher(Protocol):
    """What `hashlib` objects do, as far as it is used here."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Self: ...


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An algorithm and the lower-case hexadecimal hash of some bytes."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Read `sha256:<64 hex>` or `sha512:<128 hex>`; anything else raises `InvalidDigest`."""
        algorithm, _, encoded = text.partition(":")
        if len(encoded) != HEX_LENGTHS.get(algorithm) or not _HEX.fullmatch(encoded):
            raise InvalidDigest(f"{text[:160]!r} is not a sha256 or sha512 digest")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> "Digest":
        hasher = new_hasher(algorithm)
        hasher.update(content)
        return cls(algorithm, hasher.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def new_hasher(algorithm: str) -> Hasher:
    """A fresh hash object; an algorithm that is not supported raises `InvalidDigest`."""
    if algorithm not in HEX_LENGTHS:
        raise InvalidDigest(f"{algorithm[:40]!r} is not a supported digest algorithm: use sha256 or sha512")
    return hashlib.new(algorithm)
