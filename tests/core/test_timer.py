"""Work that is repeated in the background."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.jobs.timer import repeat
from storage.blobs import BlobStoreError
from storage.metadata.database import DatabaseBusy


@pytest.mark.parametrize("error", [BlobStoreError("no answer"), DatabaseBusy("locked")])
def test_work_is_repeated_after_a_storage_that_failed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    worked = asyncio.Event()

    async def until_it_works() -> None:
        loop, runs = asyncio.get_running_loop(), iter((error,))

        def work() -> None:
            failure = next(runs, None)
            if failure:
                raise failure
            loop.call_soon_threadsafe(worked.set)

        with ThreadPoolExecutor(1) as threads:
            task = asyncio.create_task(repeat(work, 0.001, threads))
            await worked.wait()
            task.cancel()

    asyncio.run(until_it_works())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert str(error) in caplog.text
