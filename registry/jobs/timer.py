"""Runs the plain functions of this package from time to time."""

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from storage.blobs import BlobStoreError
from storage.metadata.database import DatabaseError

log = logging.getLogger("cove.jobs")
_chance = random.SystemRandom()  # of its own: whoever seeds the module's shared one counts on what comes next


@dataclass(frozen=True, slots=True)
class Job:
    """Work, after about how many seconds it is done again, and what ends it early where it may take long."""

    work: Callable[[], object]
    seconds: float
    stop: Callable[[], None] = lambda: None


async def repeat(work: Callable[[], object], seconds: float, threads: Executor) -> None:
    """Do the work in a thread, about every so many seconds, until cancelled.

    Nodes start together and would ask the same things at the same moment: each waits a little more or less. A storage
    that fails is a matter for the log and for the next time; anything else is a bug and ends the repetition.
    """
    while True:
        await asyncio.sleep(seconds * _chance.uniform(0.75, 1.25))
        try:
            await asyncio.get_running_loop().run_in_executor(threads, work)
        except (BlobStoreError, DatabaseError) as error:
            log.error("background work was put off: %s", error)  # noqa: TRY400 -- no bug, no traceback
