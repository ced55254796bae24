"""Blobs in a bucket of an S3 service.

    <prefix>/o/<2 hex>/<32 hex>             objects, and what uploads have so far
    <prefix>/n/...                          notes, by their names
    <prefix>/docker/registry/v2/blobs/...   objects of an adopted registry storage: read and deleted likewise

An object is written once, to the key where it stays, and no such key is written again. S3 knows no locks, so that one
process at a time writes to a staged place is up to the row of its session.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from storage.blobs import BlobStoreError, StoredObject, StoreUnavailable, check_note_name
from storage.digest import Digest
from storage.legacy import BLOBS, is_blob_location
from storage.s3_buckets import Bucket
from storage.s3_checks import Check
from storage.s3_notes import put_in_pieces
from storage.s3_options import S3Options
from storage.s3_parts import Outbox, Slots
from storage.s3_readers import S3Reader
from storage.s3_staged import KEYS, Staged, is_key, new_key
from storage.s3_writers import S3Writer, remove

DELETERS = 4  # objects that are being deleted at the same time
SENDERS = 16  # parts of all uploads on their way at the same time
NOTES = "n/"  # what every key of a note begins with
CHECKPOINT_BYTES = 1 << 30  # bytes after which an upload that goes on is worth a checkpoint, which sends the tail


class S3Store:
    """The `BlobStore` in the bucket `name`, under `prefix`. Threads, processes and machines may share it.

    Raises `BlobStoreError` when the bucket cannot be used.
    """

    excludes_writers = False
    checkpoint_bytes = CHECKPOINT_BYTES

    def __init__(self, name: str, prefix: str = "", options: S3Options | None = None) -> None:
        options = options or S3Options()
        self._part_bytes = options.part_bytes
        self._bucket = Bucket(name, prefix, options)
        self._bucket.check()
        self._check = Check(self._bucket.check_in_haste)
        slots = Slots(max(1, options.buffer_bytes // options.part_bytes), patience=options.timeout_seconds)
        self._outbox = Outbox(self._bucket, ThreadPoolExecutor(SENDERS, "cove-s3"), slots)

    def check(self) -> None:
        self._check.must_succeed()

    def stage(self) -> str:
        """A name and nothing else: S3 hears of it with the first bytes."""
        return str(Staged(key=new_key(), part_bytes=self._part_bytes))

    def open_staged(self, staged: str) -> S3Writer:
        return S3Writer(self._outbox, Staged.parse(staged))

    def commit(self, staged: str, digest: Digest, size: int) -> str:
        writer = self.open_staged(staged)
        location = writer.commit(digest, size)
        writer.close()
        return location

    def discard(self, staged: str) -> None:
        remove(self._bucket, Staged.parse(staged).objects)

    def open(self, location: str) -> S3Reader:
        return S3Reader(self._bucket, _key(location), self.size(location))

    def size(self, location: str) -> int:
        return self._bucket.size(_key(location))

    def delete(self, location: str) -> None:
        self._bucket.delete(_key(location))

    def delete_all(self, locations: Collection[str]) -> dict[str, BlobStoreError]:
        """Several at a time, and not by DeleteObjects, which not every service has."""
        failed: dict[str, BlobStoreError] = {}

        def delete(location: str) -> None:
            try:
                self.delete(location)
            except StoreUnavailable:
                raise
            except BlobStoreError as error:
                failed[location] = error

        with ThreadPoolExecutor(DELETERS, "cove-s3-delete") as threads:
            list(threads.map(delete, locations))
        return failed

    def url(self, location: str, seconds: int) -> str:
        return self._bucket.url(_key(location), seconds)

    def objects(self) -> Iterator[StoredObject]:
        """Tails of uploads are among them: nothing but the session's row tells them from objects."""
        for found in chain(self._bucket.objects(KEYS), self._bucket.objects(f"{BLOBS}/")):
            if is_key(found.key) or is_blob_location(found.key):
                yield StoredObject(found.key, found.size, found.written_at)

    def write_note(self, name: str, content: Iterable[bytes]) -> None:
        put_in_pieces(self._bucket, _note_key(name), content, self._part_bytes)

    def open_note(self, name: str) -> S3Reader:
        return self.open(_note_key(name))

    def notes(self, prefix: str = "") -> Iterator[StoredObject]:
        for found in self._bucket.objects(NOTES + prefix):
            yield StoredObject(found.key.removeprefix(NOTES), found.size, found.written_at)

    def delete_note(self, name: str) -> None:
        self._bucket.delete(_note_key(name))

    def sweep(self, before_ms: int, is_named: Callable[[str], bool]) -> int:
        """Aborts multipart uploads. One that becomes an object meanwhile stays it: S3 knows no such upload then."""
        ours = chain(filter(lambda upload: is_key(upload.key), self._bucket.uploads(KEYS)), self._bucket.uploads(NOTES))
        old = [upload for upload in ours if upload.begun_at < before_ms]
        stale = [upload for upload in old if not is_named(upload.key)]
        for upload in stale:
            self._bucket.abort(upload.key, upload.id)
        return len(stale)

    def close(self) -> None:
        """Wait for what is on its way and let go of every connection."""
        self._outbox.threads.shutdown()
        self._bucket.close()


def _key(location: str) -> str:
    if not location or location.startswith("/") or ".." in location.split("/") or "\0" in location:
        raise BlobStoreError(f"{location!r} is not a location in a bucket")
    return location


def _note_key(name: str) -> str:
    check_note_name(name)
    return NOTES + name
