"""Writing to S3: content goes out in parts while it still comes in, straight to the key where it stays.

The service copies nothing, and nothing is sent twice but the tail of content that is larger than a part.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from storage.blobs import BlobMissing, BlobStoreError
from storage.digest import Digest
from storage.s3_buckets import Bucket
from storage.s3_parts import Outbox, Parts
from storage.s3_readers import S3Reader
from storage.s3_staged import Staged, new_key

PIECE = 1 << 20  # bytes that are read at once, and that an upload may hold without a slot


class S3Writer:
    """The writer of a staged place; that it is the only one is its caller's business.

    Which objects are garbage follows from three states: `_saved` is sure to be known outside, `_newest` was returned
    last, and `_origin` is what the content in memory goes on from. `_made` is what this writer has made.
    """

    def __init__(self, outbox: Outbox, staged: Staged) -> None:
        self._outbox = outbox
        self._bucket = outbox.bucket
        self._saved = self._newest = staged
        self._made: dict[str, str | None] = {}
        self._closed = False
        self._buffer = bytearray()
        self._has_slot = False
        self._go_on_from(staged)

    def start_at(self, offset: int) -> None:
        """Continue after `offset` bytes: anywhere in the tail, in the parts only where one ends; else `BlobMissing`."""
        origin = self._origin
        count, beyond = divmod(min(offset, origin.in_parts), origin.part_bytes)
        if offset > origin.size or beyond:
            raise BlobMissing(f"{origin.key} has {origin.size} bytes, and cannot go on after {offset}")
        self._parts.settle()
        tail_bytes = max(offset - origin.in_parts, 0)
        self._go_on_from(
            replace(
                origin,
                upload=self._parts.upload,
                parts=origin.parts[:count],
                tail=origin.tail if tail_bytes else None,
                tail_bytes=tail_bytes,
            )
        )

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add `data` at the end, and send what makes a part. Raises `StoreFull`, `StoreUnavailable`."""
        with self._closing_on_errors():
            if len(data):
                self._fetch_tail()
                self._add(data)
                self._is_new = True

    def checkpoint(self, *, durable: bool = True) -> str:  # noqa: ARG002  # what is not there would be lost with this process
        """Return when S3 has every byte appended so far. Raises `StoreFull`, `StoreUnavailable`."""
        with self._closing_on_errors():
            if self._is_new:
                self._origin = self._keep_tail()
                self._is_new = False
            self._hand_over(self._origin)
        return str(self._newest)

    def read(self) -> Iterator[bytes]:
        """Everything appended so far, in pieces. Makes one object of it, since parts alone cannot be read."""
        with self._closing_on_errors():
            location, size = self._make_whole()
        self._go_on_from(self._whole(location, size))
        with closing(S3Reader(self._bucket, location, size)) as reader:
            for offset in range(0, size, PIECE):
                yield reader.read(offset, min(PIECE, size - offset))

    def commit(self, digest: Digest, size: int) -> str:  # noqa: ARG002  # the key is older than the digest
        """Make the first `size` bytes an object and return its location."""
        with self._closing_on_errors():
            if size != self._size:
                self.start_at(size)
            location, _ = self._make_whole()
            self._hand_over(self._whole(location, size))
        return location

    def revoke(self) -> None:
        """Drop what this writer has made since the last name that was saved."""
        self._newest = self._saved
        self.close()

    def close(self) -> None:
        """Wait for what is on its way, and drop what the newest name does not lead to. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._parts.settle()
        self._empty_buffer()
        self._note_upload()
        known, self._saved = self._saved.objects, self._newest
        self._drop(known | self._made)

    @property
    def _size(self) -> int:
        waiting = len(self._buffer) if self._is_fetched else self._origin.tail_bytes
        return len(self._parts) * self._origin.part_bytes + waiting

    def _go_on_from(self, staged: Staged) -> None:
        self._origin = staged
        self._parts = Parts(self._outbox, staged)
        self._is_fetched = not staged.tail_bytes  # whether the buffer has the tail
        self._is_new = False  # whether there is more than the origin says
        self._empty_buffer()

    def _add(self, data: bytes | bytearray | memoryview) -> None:
        rest, most = memoryview(data).cast("B"), self._origin.part_bytes
        while rest:
            piece = rest[: most - len(self._buffer)]
            rest = rest[len(piece) :]
            if not self._has_slot and len(self._buffer) + len(piece) > min(PIECE, most - 1):
                self._outbox.slots.take()
                self._has_slot = True
            self._buffer += piece
            if len(self._buffer) == most:
                part, self._buffer, self._has_slot = self._buffer, bytearray(), False
                self._parts.send(part)

    def _empty_buffer(self) -> None:
        self._buffer = bytearray()
        if self._has_slot:
            self._has_slot = False
            self._outbox.slots.give()

    def _fetch_tail(self) -> None:
        """Take the tail back, to go on after it."""
        tail, size = self._origin.tail, self._origin.tail_bytes
        if self._is_fetched or tail is None:
            return
        self._is_fetched = True
        with closing(S3Reader(self._bucket, tail, size)) as reader:
            for offset in range(0, size, PIECE):
                self._add(reader.read(offset, min(PIECE, size - offset)))

    def _keep_tail(self) -> Staged:
        """What there is now, with the buffer as an object."""
        tags = self._parts.tags()
        return replace(
            self._origin,
            upload=self._parts.upload,
            parts=tags,
            tail=self._put() if self._buffer else None,
            tail_bytes=len(self._buffer),
        )

    def _make_whole(self) -> tuple[str, int]:
        """Make one object of everything: its key and its size."""
        size, tail = self._size, self._origin.tail
        if tail and not self._is_new and not len(self._parts) and self._bucket.size(tail) == size:
            return tail, size
        self._fetch_tail()
        if not len(self._parts):
            return self._put(), size
        self._parts.complete(self._buffer, size)
        return self._parts.key, size

    def _whole(self, location: str, size: int) -> Staged:
        """A place whose content is the object `location`: a tail without parts, whatever its size."""
        self._note_upload()
        return Staged(key=new_key(), part_bytes=self._origin.part_bytes, tail=location, tail_bytes=size)

    def _put(self) -> str:
        """Make the buffer an object."""
        key = new_key()
        self._made[key] = None
        self._bucket.put(key, self._buffer)
        return key

    def _hand_over(self, staged: Staged) -> None:
        """Give out `staged` as the newest state. What was given out before is saved by now: drop what it replaced."""
        self._note_upload()
        replaced, self._saved, self._newest = self._saved.objects, self._newest, staged
        self._drop(replaced)

    def _note_upload(self) -> None:
        if self._parts.upload:
            self._made[self._parts.key] = self._parts.upload

    def _drop(self, objects: Mapping[str, str | None]) -> None:
        kept = self._saved.objects | self._newest.objects
        # What has been done is done: an object that cannot be dropped now takes up space, and no more.
        with suppress(BlobStoreError):
            remove(self._bucket, {key: upload for key, upload in objects.items() if key not in kept})

    @contextmanager
    def _closing_on_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def remove(bucket: Bucket, objects: Mapping[str, str | None]) -> None:
    """Delete objects, those too that are still multipart uploads; what is gone already is fine."""
    for key, upload in objects.items():
        if upload:
            # The object last: the upload may become one until it is aborted.
            bucket.abort(key, upload)
        bucket.delete(key)
