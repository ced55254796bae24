"""What there is to choose about an S3 service; apart from the store, so that naming them does not load its library."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

Addressing = Literal["auto", "path", "virtual"]

PART_BYTES = 8 * 1024 * 1024
BUFFER_BYTES = 128 * 1024 * 1024
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How to reach a bucket and how to write to it. Credentials come from where AWS programs look for them.

    `part_bytes` times 10,000 is the largest blob (S3 allows that many parts); `buffer_bytes` is the memory for content
    on its way to S3, over all uploads of a process. `public_endpoint` is where clients reach the bucket when they are
    sent there.
    """

    endpoint: str | None = None
    region: str | None = None
    addressing: Addressing = "auto"
    part_bytes: int = PART_BYTES
    buffer_bytes: int = BUFFER_BYTES
    storage_class: str | None = None
    encryption: str | None = None
    timeout_seconds: int = TIMEOUT_SECONDS
    public_endpoint: str | None = None


def parse_url(url: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`; anything else raises `ValueError`, which tells nothing of it."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc) or parts.query or parts.fragment:
        raise ValueError("an S3 address is s3://bucket/prefix: credentials are no part of it")
    return parts.netloc, unquote(parts.path).strip("/")
