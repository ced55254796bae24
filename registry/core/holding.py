"""Leases that are held for as long as some work takes: a thread makes them last on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from registry.errors import Conflict
from storage.clock import now_ms
from storage.metadata import leases
from storage.metadata.database import Database, DatabaseError

LEASE_MS = 120_000
RENEWAL_SECONDS = 20.0


class LeaseLapsed(Conflict):
    """This process was silent for so long that others did what the lease was to keep them from."""


class Holding:
    """A lease in the hands of `holder`."""

    def __init__(self, database: Database, name: str, holder: str, clock: Callable[[], int]) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._clock = clock
        self._has_lapsed = False
        self._has_ended = threading.Event()

    def must_be_held(self) -> None:
        """Raises `LeaseLapsed` unless the lease was held all the time."""
        self._renew()
        if self._has_lapsed:
            raise LeaseLapsed(
                "this process could not tell the others for two minutes that it was at work: run it again"
            )

    def _take(self) -> bool:
        now = self._clock()
        with self._database.write() as tx:
            return leases.take(tx, self._name, self._holder, now=now, until=now + LEASE_MS)

    def _renew(self) -> None:
        now = self._clock()
        with self._database.write(durable=False) as tx:
            if leases.is_held(tx, self._name, now=now, holder=self._holder):
                leases.take(tx, self._name, self._holder, now=now, until=now + LEASE_MS)
            else:
                self._has_lapsed = True

    def _keep(self) -> None:
        while not self._has_ended.wait(RENEWAL_SECONDS):
            # A database that fails is asked again; when the lease has lapsed meanwhile, `must_be_held` tells.
            with suppress(DatabaseError):
                self._renew()

    def _release(self) -> None:
        with suppress(DatabaseError), self._database.write(durable=False) as tx:
            leases.release(tx, self._name, self._holder)


@contextmanager
def holding(
    database: Database, name: str, holder: str, refusal: Conflict, *, clock: Callable[[], int] = now_ms
) -> Iterator[Holding]:
    """Hold a lease until the block ends. Raises the `refusal` while it is another's.

    Whoever held it under the same name before, and died, is succeeded at once.
    """
    held = Holding(database, name, holder, clock)
    if not held._take():
        raise refusal
    keeper = threading.Thread(target=held._keep, name=f"cove-{name}", daemon=True)
    keeper.start()
    try:
        yield held
    finally:
        held._has_ended.set()
        keeper.join()
        held._release()
