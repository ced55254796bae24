"""Which store a setting asks for."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.blobs import BlobStore
from storage.disk import DiskStore

# Bytes of its disk that blobs leave free: the records that it takes to delete something are usually on the same one.
DISK_RESERVE = 16 * 1024 * 1024


def open_store(url: str) -> BlobStore:
    """The store at `file:///folder` (RFC 8089) or at a folder's plain path; anything else raises `ValueError`."""
    parts = urlsplit(url)
    if url and not parts.scheme:
        return DiskStore(Path(url), reserve=DISK_RESERVE)
    if parts.scheme == "file" and parts.path.startswith("/") and not (parts.netloc or parts.query or parts.fragment):
        return DiskStore(Path(unquote(parts.path)), reserve=DISK_RESERVE)
    kind = f"{parts.scheme}://" if parts.scheme not in {"", "file"} else repr(url)
    raise ValueError(
        f"{kind} is no place for blobs that this build knows: use file:///absolute/folder or a folder's path"
    )
