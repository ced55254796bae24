"""Parts on their way to S3: several at a time, with a bound on the memory that all of them take."""

import threading
from collections import deque
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass

from storage.blobs import BlobStoreError, StoreUnavailable
from storage.s3_buckets import Bucket
from storage.s3_staged import Staged

PARALLEL = 4  # parts of one upload on their way at the same time
MOST_PARTS = 10_000  # S3 takes no more ("Amazon S3 multipart upload limits")


class Slots:
    """Leave to hold a part in memory, over all uploads of a process. Thread-safe.

    Who waits for one holds none that it could give back only later, so waiting ends as fast as S3 takes parts.
    """

    def __init__(self, count: int, *, patience: float) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._patience = patience

    def take(self) -> None:
        """Raises `StoreUnavailable` after `patience` seconds."""
        if not self._free.acquire(timeout=self._patience):
            raise StoreUnavailable("all memory for uploads is in use: more content comes in than S3 takes")

    def give(self) -> None:
        self._free.release()


@dataclass(frozen=True, slots=True)
class Outbox:
    """What all uploads of a process share."""

    bucket: Bucket
    threads: Executor
    slots: Slots


class Parts:
    """The parts of one multipart upload, which begins with the first of them. Not for several threads at once."""

    def __init__(self, outbox: Outbox, staged: Staged) -> None:
        self._outbox = outbox
        self.key = staged.key
        self.upload = staged.upload
        self._tags = list(staged.parts)
        self._sending: deque[Future[str]] = deque()

    def __len__(self) -> int:
        return len(self._tags) + len(self._sending)

    def send(self, content: bytearray) -> None:
        """Send the next part while others still are on their way, and give its slot back when it has arrived.

        Raises what became of an earlier one.
        """
        try:
            number = self._next_number()
            self.upload = self.upload or self._outbox.bucket.begin(self.key)
            self._collect(PARALLEL - 1)
            self._sending.append(self._outbox.threads.submit(self._put, self.upload, number, content))
        except BaseException:
            self._outbox.slots.give()
            raise

    def complete(self, rest: bytearray, size: int) -> None:
        """Send the last part, which is shorter than the others, and make them an object of `size` bytes."""
        assert self.upload  # noqa: S101  # there are parts
        tags = self.tags()
        if rest:
            tags += (self._outbox.bucket.put_part(self.key, self.upload, self._next_number(), rest),)
        self._outbox.bucket.complete(self.key, self.upload, tags, size)

    def tags(self) -> tuple[str, ...]:
        """The tags of all parts, once they have arrived."""
        self._collect(0)
        return tuple(self._tags)

    def settle(self) -> None:
        """Wait until no part is on its way, whatever becomes of it."""
        wait(self._sending)

    def _next_number(self) -> int:
        if len(self) == MOST_PARTS:
            raise BlobStoreError(f"content is larger than {MOST_PARTS} parts: s3_part_bytes is too small for it")
        return len(self) + 1

    def _collect(self, most: int) -> None:
        while len(self._sending) > most:
            self._tags.append(self._sending[0].result())
            self._sending.popleft()

    def _put(self, upload: str, number: int, content: bytearray) -> str:
        try:
            return self._outbox.bucket.put_part(self.key, upload, number, content)
        finally:
            self._outbox.slots.give()
