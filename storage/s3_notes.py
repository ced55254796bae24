"""Writing a named object of S3 whose size is not known before: at once when it is small, in parts when it is not."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from storage.blobs import BlobStoreError
from storage.s3_buckets import Bucket


def put_in_pieces(bucket: Bucket, key: str, content: Iterable[bytes], part_bytes: int) -> None:
    """Make the content the object at `key`, in place of one that is there; it is seen as a whole or not at all."""
    parts = _in_parts(content, part_bytes)
    first = next(parts, b"")
    if len(first) < part_bytes:
        bucket.put(key, first)
    else:
        _put_in_parts(bucket, key, chain([first], parts))


def _put_in_parts(bucket: Bucket, key: str, parts: Iterable[bytes]) -> None:
    upload = bucket.begin(key)
    try:
        tags, size = [], 0
        for number, part in enumerate(parts, 1):
            tags.append(bucket.put_part(key, upload, number, part))
            size += len(part)
        bucket.complete(key, upload, tags, size)
    except BaseException:
        # Whatever cannot be dropped now is swept later.
        with suppress(BlobStoreError):
            bucket.abort(key, upload)
        raise


def _in_parts(content: Iterable[bytes], part_bytes: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size, but for the last."""
    buffer = bytearray()
    for piece in content:
        buffer += piece
        while len(buffer) >= part_bytes:
            yield bytes(buffer[:part_bytes])
            del buffer[:part_bytes]
    if buffer:
        yield bytes(buffer)
