"""Which store a setting asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.blobs import BlobStore, BlobStoreError
from storage.disk import DiskStore
from storage.legacy import LegacyMedium
from storage.legacy_disk import LegacyDisk, find_root
from storage.s3_options import S3Options, parse_url

# Bytes of its disk that blobs leave free: the records that it takes to delete something are usually on the same one.
DISK_RESERVE = 16 * 1024 * 1024


def open_store(url: str, s3: S3Options | None = None) -> BlobStore:
    """The store at `file:///folder` (RFC 8089), at a folder's plain path, or at `s3://bucket/prefix`.

    Anything else raises `ValueError`; a store that cannot be used raises `BlobStoreError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return _open_s3(url, s3 or S3Options())
    if url and not parts.scheme:
        return DiskStore(Path(url), reserve=DISK_RESERVE)
    if parts.scheme == "file" and parts.path.startswith("/") and not (parts.netloc or parts.query or parts.fragment):
        return DiskStore(Path(unquote(parts.path)), reserve=DISK_RESERVE)
    kind = f"{parts.scheme}://" if parts.scheme not in {"", "file"} else repr(url)
    raise ValueError(
        f"{kind} is no place for blobs: use file:///absolute/folder, a folder's path, or s3://bucket/prefix"
    )


def open_legacy(place: str, s3: S3Options | None = None) -> LegacyMedium:
    """The storage of docker-distribution in a folder or at `s3://bucket/prefix`, or around one that is inside it.

    Raises `NotLegacyStorage`, `ValueError` for an address of S3 that is none, and `BlobStoreError` when S3 cannot be
    used.
    """
    if not place.startswith("s3:"):
        return LegacyDisk(find_root(Path(place)))
    name, prefix = parse_url(place)
    with _needing_packages():
        from storage.s3_buckets import Bucket  # noqa: PLC0415  # see _open_s3
        from storage.s3_legacy import find_bucket  # noqa: PLC0415
    return find_bucket(Bucket(name, prefix, s3 or S3Options()))


def _open_s3(url: str, options: S3Options) -> BlobStore:
    name, prefix = parse_url(url)
    with _needing_packages():
        # It takes tens of megabytes and a quarter of a second to load, and a registry on a disk has no use for it.
        from storage.s3 import S3Store  # noqa: PLC0415
    return S3Store(name, prefix, options)


@contextmanager
def _needing_packages() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise BlobStoreError("S3 takes packages that are not installed: install cove-registry[s3]") from None
