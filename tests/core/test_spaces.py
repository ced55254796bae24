"""What takes up space, told at once however much that is."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry.core import spaces
from registry.core.cleaning import Rules
from registry.core.spaces import FRESH_MS, Spaces
from storage.disk import DiskStore
from storage.metadata import leases
from storage.metadata.database import Database
from tests.clocks import Clock
from tests.core.small_registries import SmallRegistry


@pytest.fixture
def small(empty_records: Path, tmp_path: Path) -> Iterator[SmallRegistry]:
    shutil.copy(empty_records, tmp_path / "cove.db")
    with closing(Database.open(tmp_path / "cove.db")) as database:
        yield SmallRegistry(database, DiskStore(tmp_path)).begin()


def test_little_is_counted_for_whoever_asks(small: SmallRegistry) -> None:
    clock = Clock(10 * FRESH_MS)
    told = Spaces(small.database, Rules(), clock=clock).tell()
    assert told
    assert (told.at, told.is_going_on, told.space.physical) == (clock.now, False, 0)


def test_much_is_counted_in_the_background_and_kept_for_a_while(
    small: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "QUICK", -1)
    clock = Clock(10 * FRESH_MS)
    first, other = (Spaces(small.database, Rules(), clock=clock) for _ in range(2))
    other.count_if_wanted()
    assert first.tell() is None
    first.count_if_wanted()
    told = other.tell()
    assert told
    assert (told.at, told.is_going_on) == (clock.now, False)
    clock.now += FRESH_MS
    old = other.tell()
    assert old
    assert (old.at, old.is_going_on) == (told.at, True)
    other.count_if_wanted()
    new = first.tell()
    assert new
    assert (new.at, new.is_going_on) == (clock.now, False)


def test_one_process_counts_at_a_time_and_none_that_ends(small: SmallRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    small.push("1", b"layer")
    monkeypatch.setattr(spaces, "QUICK", -1)
    clock = Clock(10 * FRESH_MS)
    counting = Spaces(small.database, Rules(), clock=clock)
    with small.database.write() as tx:
        assert leases.take(tx, "space", "another", now=clock.now, until=clock.now + 1000)
    assert counting.tell() is None
    counting.count_if_wanted()
    assert counting.tell() is None
    clock.now += 1000
    counting.stop()
    counting.count_if_wanted()
    assert counting.tell() is None
