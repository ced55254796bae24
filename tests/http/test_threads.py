"""Work that blocks, in threads, and what becomes of it when nobody waits any more."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.threads import run


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_result_and_error_of_a_thread_are_those_of_whoever_waits(thread: ThreadPoolExecutor) -> None:
    async def wait() -> None:
        assert await run(thread, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await run(thread, divmod, 7, 0)

    asyncio.run(wait())


def test_work_that_has_begun_goes_on_when_nobody_waits_and_its_outcome_is_nobodys(
    thread: ThreadPoolExecutor,
) -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def work(fails: bool) -> None:
        begun.set()
        may_end.wait(10)
        ended.append(fails)
        if fails:
            raise ZeroDivisionError

    async def cancel() -> None:
        for fails in (False, True):
            begun.clear()
            may_end.clear()
            waiting = run(thread, work, fails)
            await asyncio.to_thread(begun.wait, 10)
            waiting.cancel()
            may_end.set()
            await run(thread, len, "")

    asyncio.run(cancel())
    assert ended == [False, True]


def test_work_that_nobody_waits_for_any_more_is_not_begun(thread: ThreadPoolExecutor) -> None:
    may_end, done = threading.Event(), list[str]()

    async def cancel() -> None:
        first, second = run(thread, may_end.wait, 10), run(thread, done.append, "done")
        second.cancel()
        may_end.set()
        assert await first
        await run(thread, len, "")

    asyncio.run(cancel())
    assert done == []
