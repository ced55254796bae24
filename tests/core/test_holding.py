"""Leases that are held while some work lasts."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from threading import Event

import pytest

from registry.core import holding as module
from registry.core.holding import LEASE_MS, Holding, LeaseLapsed, holding
from registry.errors import Conflict
from storage.metadata import leases
from storage.metadata.database import Database, DatabaseBusy


@dataclass
class World:
    database: Database
    now: int = 1_000_000_000

    def hold(self, holder: str = "me") -> AbstractContextManager[Holding]:
        return holding(self.database, "work", holder, Conflict("busy"), clock=lambda: self.now)

    def is_held(self, holder: str = "me") -> bool:
        with self.database.read() as tx:
            return leases.is_held(tx, "work", now=self.now, holder=holder)


@pytest.fixture
def world(tmp_path: Path, empty_records: Path) -> Iterator[World]:
    with closing(Database.open(copyfile(empty_records, tmp_path / "cove.db"))) as database:
        yield World(database)


def test_lease_is_held_until_the_end_of_the_block(world: World) -> None:
    with world.hold() as held:
        assert world.is_held()
        held.must_be_held()
    assert not world.is_held()


def test_lease_of_another_is_refused_until_it_lapses(world: World) -> None:
    with world.hold("another"):
        with pytest.raises(Conflict, match="busy"), world.hold():
            pass
        world.now += LEASE_MS
        with world.hold() as held:
            held.must_be_held()
    assert not world.is_held()


def test_lease_of_one_that_died_is_taken_on_by_its_successor(world: World) -> None:
    with world.database.write() as tx:
        leases.take(tx, "work", "me", now=world.now, until=world.now + LEASE_MS)
    with world.hold() as held:
        held.must_be_held()


def test_lease_is_made_to_last_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed, take = Event(), leases.take

    def tell(*arguments: object, **times: int) -> bool:
        done = take(*arguments, **times)  # type: ignore[arg-type]
        if times["now"] > 1_000_000_000:
            renewed.set()
        return done

    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(leases, "take", tell)
    with world.hold() as held:
        world.now += LEASE_MS - 1
        assert renewed.wait(30)
        world.now += LEASE_MS - 1
        held.must_be_held()


def test_work_that_was_silent_for_too_long_is_told(world: World) -> None:
    with world.hold() as held:
        world.now += LEASE_MS
        for _ in range(2):
            with pytest.raises(LeaseLapsed):
                held.must_be_held()


def test_database_that_fails_for_a_moment_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, recovered, renew = iter(range(3)), Event(), Holding._renew

    def fail_at_first(held: Holding) -> None:
        if next(failures, None) is not None:
            raise DatabaseBusy("not now")
        renew(held)
        recovered.set()

    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(Holding, "_renew", fail_at_first)
    with world.hold() as held:
        assert recovered.wait(30)
        held.must_be_held()
