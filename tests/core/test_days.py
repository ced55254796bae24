"""Pushes and pulls by the day, and how the disk fills up."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from auth.access import Access, Actor
from registry.core.clocks import DAY_MS
from registry.core.days import LEAST, SHOWN, Days, Forecast, forecast
from registry.core.pulls import Pull, Pulls
from registry.oci.names import Reference
from storage.disk import DiskStore
from storage.metadata import days as rows
from storage.metadata import manifests, projects, repositories
from storage.metadata.database import Database, DatabaseError
from storage.metadata.days import DayCount, DiskSample
from tests.core.small_registries import SmallRegistry

TODAY = 20_000


@pytest.fixture
def registry(tmp_path: Path, empty_records: Path) -> Iterator[SmallRegistry]:
    with closing(Database.open(copyfile(empty_records, tmp_path / "cove.db"))) as database:
        yield SmallRegistry(database, DiskStore(tmp_path / "store")).begin()


def counts(registry: SmallRegistry, project: int | None = None, *, is_open: bool = True) -> list[DayCount]:
    """As everybody sees them where all is open to everybody, or else as nobody in particular does."""
    days = Days(registry.database, Access(is_open=is_open), None, clock=lambda: TODAY * DAY_MS + 5)
    return days.counts(Actor(), project)


def a_manifest(registry: SmallRegistry) -> int:
    registry.push("1", b"layer")
    with registry.database.read() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        found = manifests.find_by_tag(tx, row.id, str(Reference.parse("1")))
    assert found
    return found.id


def test_pushes_and_pulls_are_counted_on_their_day(registry: SmallRegistry) -> None:
    now = (TODAY - 1) * DAY_MS
    counting, manifest, project = Pulls(registry.database, clock=lambda: now), a_manifest(registry), 1
    pull = Pull(manifest, project, "1", "team/app:1", "dev")
    counting.count(pull, 3)
    counting.count_push(project)
    counting.flush()
    now = TODAY * DAY_MS
    counting.count_push(project)
    counting.flush()
    counting.count(pull)
    counting.count_push(project)
    counting.flush()
    told = counts(registry)
    assert len(told) == SHOWN
    assert told[-3:] == [DayCount(TODAY - 2, 0, 0), DayCount(TODAY - 1, 1, 3), DayCount(TODAY, 2, 1)]
    assert counts(registry, project=project) == told
    assert counts(registry, project=99)[-1] == DayCount(TODAY, 0, 0)


def test_days_of_a_project_that_somebody_may_not_see_are_not_told(registry: SmallRegistry) -> None:
    counting = Pulls(registry.database, clock=lambda: TODAY * DAY_MS)
    counting.count_push(1)
    counting.flush()
    assert counts(registry)[-1].pushes == 1
    assert counts(registry, is_open=False)[-1].pushes == 0


def test_what_was_pushed_is_counted_later_when_the_records_fail(
    registry: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Pulls(registry.database, clock=lambda: TODAY * DAY_MS)
    counting.count_push(1)

    def fail(*_arguments: object) -> None:
        raise DatabaseError("the disk is gone")

    with monkeypatch.context() as failing:
        failing.setattr(rows, "add", fail)
        with pytest.raises(DatabaseError):
            counting.flush()
    counting.flush()
    assert counts(registry)[-1].pushes == 1


def test_push_to_a_project_that_is_gone_by_now_is_counted_nowhere(registry: SmallRegistry) -> None:
    counting = Pulls(registry.database, clock=lambda: TODAY * DAY_MS)
    counting.count_push(1)
    counting.count_push(7)
    counting.flush()
    assert counts(registry)[-1].pushes == 1
    with registry.database.write() as tx:
        projects.remove(tx, 1, 1)
        assert tx.exec_driver_sql("SELECT count(*) FROM daily_counts").scalar() == 0


def test_disk_is_noted_once_a_day_and_forgotten_after_a_year(registry: SmallRegistry, tmp_path: Path) -> None:
    today = TODAY - 401
    days = Days(registry.database, Access(), tmp_path, clock=lambda: today * DAY_MS)
    days.sample()
    [first] = days.disk()
    assert first.total is not None
    assert 0 < first.used < first.total
    for today in (TODAY, TODAY):  # noqa: B007 -- the clock reads it
        days.sample()
    assert [each.day for each in days.disk()] == [TODAY]
    with registry.database.read() as tx:
        assert [each.day for each in rows.list_disk(tx, 0)] == [TODAY]


def test_blobs_in_a_service_are_told_without_an_end(registry: SmallRegistry) -> None:
    registry.push("1", b"layer")
    days = Days(registry.database, Access(), None, clock=lambda: TODAY * DAY_MS)
    days.sample()
    [sample] = days.disk()
    assert sample.used > 0
    assert sample.total is None


def samples(*used: int, total: int | None = 1000) -> list[DiskSample]:
    return [DiskSample(TODAY + day, bytes_, total) for day, bytes_ in enumerate(used)]


def test_too_few_days_give_no_forecast() -> None:
    assert forecast([]) == Forecast(0)
    assert forecast(samples(*range(LEAST - 1))) == Forecast(LEAST - 1)


def test_disk_that_grows_evenly_is_full_when_the_line_says_so() -> None:
    assert forecast(samples(*range(0, 70, 10))) == Forecast(7, 10.0, 94)
    assert forecast(samples(*range(0, 70, 10), total=None)) == Forecast(7, 10.0, None)


def test_disk_that_does_not_grow_is_never_full() -> None:
    assert forecast(samples(*[5] * 7)) == Forecast(7, 0.0, None)
    shrinking = forecast(samples(*range(70, 0, -10)))
    assert shrinking == Forecast(7, -10.0, None)


def test_days_without_a_sample_do_not_bend_the_line() -> None:
    uneven = [DiskSample(day, day * 3, 10_000) for day in (1, 2, 3, 10, 11, 20, 30)]
    found = forecast(uneven)
    assert found.daily == pytest.approx(3.0)
    assert found.days_left in (3302, 3303)
    assert LEAST == 7, "the page says so"
