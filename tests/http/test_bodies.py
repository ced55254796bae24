"""What of a body is read before its handler begins (`registry.bodies`)."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from registry.bodies import SMALL, gathered


def read(messages: Sequence[Message], *fields: tuple[bytes, bytes]) -> tuple[bool, int, bytes]:
    """Whether all was there, how many messages were read for that, and what a handler gets of the body then."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    async def run() -> tuple[bool, int, bytes]:
        again, is_whole = await gathered(Request({"type": "http", "headers": list(fields)}, receive))
        taken = len(messages) - len(left)
        left.append({"type": "http.request", "body": b"late", "more_body": False})
        return is_whole, taken, await again.body()

    return asyncio.run(run())


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_small_body_is_whole_and_read_in_its_order() -> None:
    assert read([piece(b"a", more=True), piece(b"b", more=False)]) == (True, 2, b"ab")


def test_slow_body_is_read_on_where_it_was_left() -> None:
    assert read([piece(b"a", more=True)]) == (False, 1, b"alate")


def test_of_a_large_body_no_more_is_read_than_a_small_one_has() -> None:
    large = [piece(bytes(SMALL), more=True), piece(b"a", more=True), piece(b"b", more=True)]
    assert read(large) == (False, 2, bytes(SMALL) + b"ablate")


@pytest.mark.parametrize(("expected", "taken"), [(b"100-continue", 0), (b"100-Continue", 0), (b"else", 1)])
def test_who_waits_for_the_word_to_go_on_is_not_told_it_yet(expected: bytes, taken: int) -> None:
    assert read([piece(b"a", more=False)], (b"expect", expected))[:2] == (taken == 1, taken)
