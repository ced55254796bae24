"""What processes tell of their transfers, and when."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy

import pytest
from sqlalchemy import func, select

from registry.core.transfers import FRESH_MS, MOST, WATCH_MS, Transfer, Transfers, Watcher
from storage.metadata.database import Database
from storage.metadata.tables import transfer_reports
from tests.clocks import Clock
from tests.storage.metadata.statements import noted


@pytest.fixture
def clock() -> Clock[int]:
    return Clock(1_000_000)


@pytest.fixture
def database(empty_records: Path, tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(Path(copy(empty_records, tmp_path / "cove.db")))) as database:
        yield database


@pytest.fixture
def transfers(database: Database, clock: Clock[int]) -> Transfers:
    return Transfers(database, clock=clock)


@pytest.fixture
def watcher(database: Database, clock: Clock[int]) -> Watcher:
    return Watcher(database, clock=clock)


def transfer(repository: str = "team/app", done: int = 0) -> Transfer:
    return Transfer("download", repository, digest=None, user=None, client=None, total=None, done=done)


def reports(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(select(func.count()).select_from(transfer_reports)).scalar_one())


def test_nothing_is_asked_of_the_records_where_nothing_goes_on(transfers: Transfers, watcher: Watcher) -> None:
    watcher.watch()
    with noted(lambda _: True) as statements:
        transfers.report()
    assert statements == []


def test_nothing_is_told_while_nobody_watches(transfers: Transfers, watcher: Watcher, database: Database) -> None:
    with transfers.going_on(transfer()):
        transfers.report()
        assert reports(database) == 0
        watcher.watch()
        transfers.report()
        assert reports(database) == 1


def test_report_goes_when_nobody_watches_any_more(
    transfers: Transfers, watcher: Watcher, database: Database, clock: Clock[int]
) -> None:
    with transfers.going_on(transfer()):
        watcher.watch()
        transfers.report()
        clock.now += WATCH_MS
        transfers.report()
    assert reports(database) == 0


def test_report_goes_with_the_last_transfer(transfers: Transfers, watcher: Watcher) -> None:
    watcher.watch()
    with transfers.going_on(transfer()):
        transfers.report()
        assert [each.repository for each in watcher.list()] == ["team/app"]
    transfers.report()
    assert watcher.list() == []


def test_fastest_of_all_processes_comes_first(
    transfers: Transfers, watcher: Watcher, database: Database, clock: Clock[int]
) -> None:
    other, slow, fast = Transfers(database, clock=clock), transfer("team/slow"), transfer("team/fast", done=10**9)
    watcher.watch()
    with transfers.going_on(slow), other.going_on(fast):
        slow.done += 1000
        fast.done += 10**6
        transfers.report()
        other.report()
    found = watcher.list()
    assert [each.repository for each in found] == ["team/fast", "team/slow"]
    assert found[0].rate > found[1].rate > 0
    assert (found[0].done, found[0].total) == (10**9 + 10**6, None)


def test_rate_is_that_of_late(transfers: Transfers, watcher: Watcher) -> None:
    going = transfer()
    watcher.watch()
    with transfers.going_on(going):
        going.done += 10**6
        transfers.report()
        assert watcher.list()[0].rate > 0
        transfers.report()
    assert watcher.list()[0].rate == 0


def test_what_a_process_left_behind_is_not_shown_and_goes(
    transfers: Transfers, watcher: Watcher, database: Database, clock: Clock[int]
) -> None:
    killed = Transfers(database, clock=clock)
    watcher.watch()
    with killed.going_on(transfer("team/gone")):
        killed.report()
    clock.now += FRESH_MS + 1
    assert watcher.list() == []
    clock.now += 60_000
    watcher.watch()
    with transfers.going_on(transfer()):
        transfers.report()
    assert reports(database) == 1


def test_report_is_bounded(transfers: Transfers, watcher: Watcher) -> None:
    watcher.watch()
    transfers._under_way.update(transfer(f"team/{number}") for number in range(MOST + 1))
    transfers.report()
    assert len(watcher.list()) == MOST
