"""Reading objects of S3: one long answer for reads that follow one another, and a new one where it breaks off."""

import threading

from storage.blobs import StoreUnavailable
from storage.s3_buckets import Bucket, Stream

ATTEMPTS = 4  # answers in a row that bring no byte, before a read gives up


class S3Reader:
    """An open object. Threads may read at the same time: they take turns."""

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self._stream: Stream | None = None
        self._position = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return self._size

    @property
    def file(self) -> None:
        return None

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end. Raises `StoreUnavailable`."""
        wanted = min(length, self._size - offset)
        if wanted <= 0:
            return b""
        with self._lock:
            piece = self._read_some(offset, wanted)
            if len(piece) == wanted:
                return piece
            gathered = bytearray(piece)
            while len(gathered) < wanted:
                gathered += self._read_some(offset + len(gathered), wanted - len(gathered))
            return bytes(gathered)

    def close(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None

    def _read_some(self, offset: int, length: int) -> bytes:
        """At least one byte."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self._read_once(offset, length)
            except StoreUnavailable:
                self.close()
        return self._read_once(offset, length)

    def _read_once(self, offset: int, length: int) -> bytes:
        if self._stream is None or self._position != offset:
            self.close()
            self._stream, self._position = self._bucket.get(self._key, offset), offset
        piece = self._stream.read(length)
        if not piece:
            raise StoreUnavailable(f"{self._key} broke off at byte {offset} of {self._size}")
        self._position += len(piece)
        return piece
