"""Where blocking work runs, and how the event loop waits for it."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")
WHOLE = "cove.whole"  # in the scope of a request all of which had come when its handling began


class _Carrying(ThreadPoolExecutor):
    """Has work see the context variables of whoever handed it over."""

    def submit(self, work: Callable[..., Result], /, *given: Any, **named: Any) -> Future[Result]:
        return super().submit(copy_context().run, work, *given, **named)


@dataclass(frozen=True, slots=True)
class Threads:
    """Whoever checks passwords waits for slow hashes, and whoever uploads waits for a store that may be slow: neither
    must keep others waiting.
    """

    general: Executor = field(default_factory=lambda: ThreadPoolExecutor(48, "cove"))
    uploads: Executor = field(default_factory=lambda: ThreadPoolExecutor(48, "cove-upload"))
    passwords: Executor = field(default_factory=lambda: ThreadPoolExecutor(40, "cove-password"))

    @classmethod
    def carrying(cls) -> "Threads":
        """Whose work sees the context variables of the request, by which spans find the one that they are part of."""
        return cls(_Carrying(48, "cove"), _Carrying(48, "cove-upload"), _Carrying(40, "cove-password"))

    def close(self) -> None:
        """Wait for what is running, and take nothing more."""
        self.general.shutdown()
        self.uploads.shutdown()
        self.passwords.shutdown()


def run(threads: Executor, work: Callable[..., Result], *arguments: Any) -> "asyncio.Future[Result]":
    """Do blocking work in a thread. Cancelling the waiting does not stop the thread: see `to_the_end`.

    The loop's own way chains two futures, in three times as many steps of Python as are here.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()
    threads.submit(_work, loop, future, work, arguments)
    return future


def _work(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[Result]",
    work: Callable[..., Result],
    arguments: tuple[Any, ...],
) -> None:
    if future.cancelled():  # nobody waits any more, and nothing has begun
        return
    try:
        result = work(*arguments)
    except BaseException as error:
        loop.call_soon_threadsafe(_fail, future, error)
    else:
        loop.call_soon_threadsafe(_succeed, future, result)


def _succeed(future: "asyncio.Future[Result]", result: Result) -> None:
    if not future.cancelled():
        future.set_result(result)


def _fail(future: "asyncio.Future[Result]", error: BaseException) -> None:
    if not future.cancelled():
        future.set_exception(error)


async def to_the_end(threads: Executor, work: Callable[..., Result], *arguments: Any) -> Result:
    """Do blocking work that must not be left half-done: also a cancelled request waits for it.

    Who is in a thread already, as under `at_once`, does it there.
    """
    if not is_on_loop():
        return work(*arguments)
    future = run(threads, work, *arguments)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


def is_on_loop() -> bool:
    """Whether this thread runs an event loop, which must not be kept waiting."""
    return asyncio._get_running_loop() is not None


def at_once(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that has nothing to wait for but blocking work, in this thread, to its end.

    A hop to a thread and back takes a tenth of a millisecond or two, and the steps of a small upload take five of them
    where this takes one.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine waits for something outside of its thread")
