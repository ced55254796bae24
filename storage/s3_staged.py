"""What an upload to S3 has so far: parts of a multipart upload, and an object with the bytes that are no part yet.

All of it is in the name of the staged place, so that any process can go on: S3 has nothing that could be asked for it
cheaply and everywhere. The bytes after the parts, the *tail*, are an object because parts cannot be read back before
they are put together. Content smaller than a part is a tail and nothing else, which becomes the object by being named.

No key is ever written twice: so what a slow or repeated call does late can never change what another has made.
"""

import json
import re
import secrets
from dataclasses import asdict, dataclass

from storage.blobs import BlobStoreError

KEYS = "o/"  # what every key begins with
_KEY = re.compile(r"o/[0-9a-f]{2}/[0-9a-f]{32}")


def new_key() -> str:
    """A key that no object has. Its first part spreads objects over the service's partitions."""
    name = secrets.token_hex(16)
    return f"o/{name[:2]}/{name}"


def is_key(text: str) -> bool:
    """Whether `new_key` could have made it."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The first bytes are `parts` of `part_bytes` each, by their tags, in the multipart `upload` of `key`.

    The `tail_bytes` after them are the object `tail`.
    """

    key: str
    part_bytes: int
    upload: str | None = None
    parts: tuple[str, ...] = ()
    tail: str | None = None
    tail_bytes: int = 0

    @classmethod
    def parse(cls, text: str) -> "Staged":
        """From the name of a staged place; anything else raises `BlobStoreError`."""
        try:
            values = json.loads(text)
            staged = cls(**{**values, "parts": tuple(values["parts"])})
            is_ours = all(map(is_key, [staged.key, staged.tail or staged.key])) and staged.part_bytes > 0
        except (ValueError, TypeError, KeyError):
            is_ours = False
        if not is_ours:
            raise BlobStoreError(f"{text[:200]!r} is not a staged place")
        return staged

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def in_parts(self) -> int:
        """How many bytes are parts."""
        return len(self.parts) * self.part_bytes

    @property
    def size(self) -> int:
        return self.in_parts + self.tail_bytes

    @property
    def objects(self) -> dict[str, str | None]:
        """Every key that it leads to, with the multipart upload that may not have become an object yet."""
        uploads = {self.key: self.upload} if self.upload else {}
        return uploads | ({self.tail: None} if self.tail else {})
