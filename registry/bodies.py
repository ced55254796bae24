"""Bodies of requests that are here whole, or nearly, when their handling begins."""

import asyncio
from collections.abc import Iterable
from contextlib import nullcontext

from starlette.requests import Request
from starlette.types import Message, Receive

from registry.threads import WHOLE

SMALL = 256 * 1024  # bytes beyond which it is worth beginning before the end has come
SOON_SECONDS = 0.01  # in which a client that has it sends the rest of a small body


async def gathered(request: Request) -> tuple[Request, bool]:
    """The same request, as if nothing of its body was read yet, and whether all of it is here.

    Who waits for the word to go on has not begun to send, and shall not be told to before its request is judged. Where
    the server stops meanwhile, who reads the body is told so after what had come.
    """
    if any(value.lower() == "100-continue" for value in request.headers.getlist("expect")):
        return request, False
    messages: list[Message] = []
    rest, size, has_more = request.receive, 0, True
    try:
        # What has come already is there at once, and a timer takes longer than to take it.
        async with nullcontext() if request.scope.get(WHOLE) else asyncio.timeout(SOON_SECONDS):
            while has_more and size <= SMALL:
                messages.append(await request.receive())
                size += len(messages[-1].get("body", b""))
                has_more = messages[-1].get("more_body", False)
    except TimeoutError:
        pass  # it is no small body, or no fast client
    except asyncio.CancelledError as error:
        rest = _raising(error)
    is_whole = not has_more and messages[-1]["type"] == "http.request"
    return Request(request.scope, _again(messages, rest), request._send), is_whole


def _again(messages: Iterable[Message], rest: Receive) -> Receive:
    left = iter(messages)

    async def receive() -> Message:
        message = next(left, None)
        return await rest() if message is None else message

    return receive


def _raising(error: asyncio.CancelledError) -> Receive:
    async def receive() -> Message:
        raise error

    return receive
