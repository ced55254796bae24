"""Which store a setting asks for."""

import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from storage.blobs import BlobStore, BlobStoreError
from storage.disk import DiskStore
from storage.s3_options import S3Options

# Bytes of its disk that blobs leave free: the records that it takes to delete something are usually on the same one.
DISK_RESERVE = 16 * 1024 * 1024


def open_store(url: str, s3: S3Options | None = None) -> BlobStore:
    """The store at `file:///folder` (RFC 8089), at a folder's plain path, or at `s3://bucket/prefix`.

    Anything else raises `ValueError`; a store that cannot be used raises `BlobStoreError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return _open_s3(parts, s3 or S3Options())
    if url and not parts.scheme:
        return DiskStore(Path(url), reserve=DISK_RESERVE)
    if parts.scheme == "file" and parts.path.startswith("/") and not (parts.netloc or parts.query or parts.fragment):
        return DiskStore(Path(unquote(parts.path)), reserve=DISK_RESERVE)
    kind = f"{parts.scheme}://" if parts.scheme not in {"", "file"} else repr(url)
    raise ValueError(
        f"{kind} is no place for blobs: use file:///absolute/folder, a folder's path, or s3://bucket/prefix"
    )


def _open_s3(parts: SplitResult, options: S3Options) -> BlobStore:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc) or parts.query or parts.fragment:
        raise ValueError("an S3 address is s3://bucket/prefix: credentials are no part of it")
    try:
        # It takes tens of megabytes and a quarter of a second to load, and a registry on a disk has no use for it.
        from storage.s3 import S3Store  # noqa: PLC0415
    except ModuleNotFoundError:
        raise BlobStoreError("S3 takes packages that are not installed: install cove-registry[s3]") from None
    return S3Store(parts.netloc, unquote(parts.path).strip("/"), options)
