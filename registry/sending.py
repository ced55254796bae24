"""What is on the way to a client, and how the bytes of a file get there inside the kernel, by sendfile(2).

An application asks for it as ASGI's extension "Zero Copy Send" says, `http.response.zerocopysend`, where the scope
offers it. A GiB costs a quarter of the processor time of one that is read and written in pieces of 256 KiB.

The socket does not block: a thread sends as much as the kernel takes at once, and then the event loop waits until it
takes more, so a slow client keeps no thread. The descriptor is one of our own for the same socket, since that of the
transport belongs to the event loop.
"""

import asyncio
import errno
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache

from registry.threads import to_the_end

EXTENSION = "http.response.zerocopysend"
_MOST = 4 << 20  # bytes in one call, after which the thread looks whether anybody still wants more
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT, errno.EBADF}


class FileEnded(OSError):
    """The file has fewer bytes than were to be sent."""


class Sending:
    """What one connection sends of a file at the moment, after all that was written to `transport` before."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._is_over = False

    async def send(self, file: int, offset: int, count: int) -> bool:
        """Send so many bytes of a descriptor; tells whether it did, or the client went away before.

        When this ends, whichever way, no thread reads from the file any more. Raises `FileEnded`, and `OSError` where
        the file cannot be read.
        """
        with closing(self._socket):
            end = offset + count
            while offset < end and not self._is_over:
                offset += await to_the_end(_threads(), self._send_what_is_taken, file, offset, end)
                if offset < end and not self._is_over:
                    await self._writable()
            return offset == end

    def stop(self) -> None:
        """Send no more, and have the kernel drop what it has: the connection is lost, or is to be."""
        self._is_over = True
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno not in _GONE:
                raise

    def _send_what_is_taken(self, file: int, offset: int, end: int) -> int:
        sent = 0
        while offset + sent < end and not self._is_over:
            try:
                taken = os.sendfile(self._socket.fileno(), file, offset + sent, min(_MOST, end - offset - sent))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                self._is_over = True
                break
            if not taken:
                raise FileEnded(f"the file ended at byte {offset + sent}")
            sent += taken
        return sent

    async def _writable(self) -> None:
        loop, taken = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._socket.fileno(), taken.set)
        try:
            await taken.wait()
        finally:
            loop.remove_writer(self._socket.fileno())


def is_possible(transport: asyncio.Transport) -> bool:
    """Whether what is written to the transport is what the client gets: TLS is made in this process."""
    return hasattr(os, "sendfile") and transport.get_extra_info("sslcontext") is None


async def emptied(transport: asyncio.Transport, drain: Callable[[], Awaitable[None]]) -> None:
    """Wait until the kernel has all that was written to the transport, by its protocol's `drain`, or it is lost."""
    if transport.is_closing():
        return
    transport.set_write_buffer_limits(0)
    try:
        await drain()
    finally:
        if not transport.is_closing():
            transport.set_write_buffer_limits()


def bytes_on_the_way(transport: asyncio.Transport, *, is_more: bool) -> int:
    """How much of what was written the client has not taken; 0 when the kernel has all of it, unless there is more.

    The kernel's share counts, because it asks for more only when a third of its megabytes is free again: a client that
    takes ten kilobytes a second would seem to take nothing for minutes.
    """
    unsent = transport.get_write_buffer_size()
    if (unsent or is_more) and sys.platform == "linux":
        queued = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        unsent += int.from_bytes(queued, sys.byteorder)
    return unsent


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(48, "cove-send")
