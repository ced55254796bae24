"""Bytes between the network and threads: the only code, besides the cached answers, that runs on the event loop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from registry.core.blobs import OpenBlob
from registry.core.transfers import Transfer
from registry.oci.ranges import Slice
from registry.sending import EXTENSION
from registry.threads import is_on_loop, run, to_the_end
from storage.blobs import BlobStoreError

Shown = AbstractContextManager[Transfer]
UPLOAD_PIECE = 1024 * 1024
DOWNLOAD_PIECE = 256 * 1024
FILE_PIECE = 8 * 1024 * 1024  # of a file that the kernel sends


async def pour(stream: AsyncIterator[bytes], append: Callable[[memoryview], None], threads: Executor) -> None:
    """Hand a request's body to `append` in large pieces, one in a thread while the next arrives.

    When this ends, whichever way, no thread is in `append` any more. Raises `ClientDisconnect` after everything that
    arrived was appended, and whatever `append` raises.
    """
    if not is_on_loop():  # all of it has come
        async for chunk in stream:
            if chunk:
                append(memoryview(chunk))
        return
    appending = _Appending(append, threads)
    cut: ClientDisconnect | None = None
    try:
        try:
            async for chunk in stream:
                if appending.add(chunk) >= UPLOAD_PIECE:
                    await appending.begin()
        except ClientDisconnect as error:
            cut = error
        await appending.begin()
        await appending.end()
    finally:
        await appending.settle()
    if cut:
        raise cut


class _Appending:
    """At most one piece that is being appended, while the next is gathered.

    Both keep their memory for the pieces after them: the kernel would have to clear a new MiB for each, which takes as
    long as to hash a tenth of it.
    """

    def __init__(self, append: Callable[[memoryview], None], threads: Executor) -> None:
        self._append = append
        self._threads = threads
        self._pending: asyncio.Future[None] | None = None
        self._gathered, self._length = bytearray(), 0
        self._other = bytearray()

    def add(self, chunk: bytes) -> int:
        """How many bytes are gathered with these."""
        end = self._length + len(chunk)
        self._gathered[self._length : end] = chunk
        self._length = end
        return end

    async def begin(self) -> None:
        """Append what is gathered."""
        await self.end()
        if self._length:
            self._pending = run(self._threads, self._append_first, self._gathered, self._length)
            self._gathered, self._other, self._length = self._other, self._gathered, 0

    def _append_first(self, gathered: bytearray, length: int) -> None:
        with memoryview(gathered) as whole, whole[:length] as piece:
            self._append(piece)

    async def end(self) -> None:
        if self._pending:
            await asyncio.shield(self._pending)

    async def settle(self) -> None:
        """Wait for the thread, whatever becomes of its work."""
        if self._pending:
            await asyncio.wait([self._pending])


class BlobResponse(Response):
    """Sends a blob, or slices of it, read in threads, and closes it at the end.

    Its first bytes are read when it is made, by a thread that is at work for the request anyway: a store that fails
    then has a status of its own, and a small blob costs no other thread. Raises `BlobStoreError`. Where the store fails
    later, the connection ends before the bytes that were promised. `shown` is where whoever watches sees it.
    """

    def __init__(
        self,
        blob: OpenBlob,
        slices: list[Slice],
        status: int,
        headers: dict[str, str],
        threads: Executor,
        *,
        shown: Shown,
    ) -> None:
        super().__init__(None, status, headers)
        self._blob = blob
        self._parts: list[tuple[bytes, Slice]] = [(b"", part) for part in slices]
        self._epilogue = b""
        self._threads = threads
        self._shown = shown
        self._ahead = self._read(slices[0].start, slices[0].end)
        self._sends_files = False

    def frame(self, prologues: list[bytes], epilogue: bytes) -> None:
        """Put bytes before each slice and after the last, for a multipart body."""
        self._parts = [(prologue, part) for prologue, (_, part) in zip(prologues, self._parts, strict=True)]
        self._epilogue = epilogue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sends_files = EXTENSION in scope.get("extensions", ()) and self._blob.reader.file is not None
        gone = asyncio.ensure_future(_disconnection(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            with self._shown as transfer:
                for prologue, part in self._parts:
                    await self._send_part(prologue, part, send, gone, transfer)
            await send({"type": "http.response.body", "body": self._epilogue})
        except ClientDisconnect:
            return  # the status is sent, and nobody reads another
        except BlobStoreError as error:
            logging.getLogger("cove").warning("blob %s is sent only in part: %s", self._blob.digest, error)
        finally:
            gone.cancel()
            self._blob.reader.close()

    async def _send_part(
        self, prologue: bytes, part: Slice, send: Send, gone: "asyncio.Future[None]", transfer: Transfer
    ) -> None:
        if prologue:
            await send({"type": "http.response.body", "body": prologue, "more_body": True})
        offset = part.start
        while offset <= part.end:
            if gone.done():
                raise ClientDisconnect
            sent = await self._send_piece(offset, part.end, send)
            transfer.done += sent
            offset += sent

    async def _send_piece(self, offset: int, end: int, send: Send) -> int:
        """How many bytes it has."""
        if self._sends_files and not self._ahead:
            return await self._send_file(offset, end, send)
        piece = self._ahead or await to_the_end(self._threads, self._read, offset, end)
        self._ahead = b""
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        return len(piece)

    async def _send_file(self, offset: int, end: int, send: Send) -> int:
        count = min(FILE_PIECE, end - offset + 1)
        piece = {"file": self._blob.reader.file, "offset": offset, "count": count}
        try:
            await send({"type": EXTENSION, **piece, "more_body": True})
        except OSError as error:
            raise BlobStoreError(f"{error.strerror or error}, in its bytes {offset} to {offset + count - 1}") from error
        return count

    def _read(self, offset: int, end: int) -> bytes:
        """From a place on, up to the byte at `end`: as much as is sent at once."""
        wanted = min(DOWNLOAD_PIECE, end - offset + 1)
        if wanted <= 0:
            return b""
        piece = self._blob.reader.read(offset, wanted)
        if not piece:
            raise BlobStoreError(f"blob {self._blob.digest} ended at byte {offset} of {self._blob.size}")
        return piece


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
