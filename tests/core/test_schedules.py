"""Background work: when it begins, who does it, and what becomes of it when that ends or somebody stops it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.core import executions, schedules
from registry.core.crons import next_time
from registry.core.executions import LEASE_MS, Executions, Run, WorkFailed
from registry.core.schedules import Schedules, Timing
from registry.errors import BadQuery, NotFound
from registry.jobs.schedules import Handler, Worker
from storage.blobs import StoreUnavailable
from storage.metadata.database import Database
from storage.metadata.executions import ExecutionRecord, TaskRecord
from storage.metadata.listings import Listing
from tests.clocks import Clock

VENDOR = "SWEEP"
MINUTE = 60_000
ALL = Listing(size=0)


@pytest.fixture
def clock() -> Clock[int]:
    return Clock(1_700_000_000_000)


@pytest.fixture
def database(empty_records: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(empty_records, tmp_path / "cove.db")
    with closing(Database.open(tmp_path / "cove.db")) as database:
        yield database


def begin(database: Database, clock: Clock[int], *tasks: dict[str, object]) -> int:
    with database.write() as tx:
        return executions.start(tx, VENDOR, 1, "MANUAL", {"depth": 2}, tasks=tasks or ({},), now=clock())


def worker(database: Database, clock: Clock[int], handler: Handler) -> Worker:
    return Worker(database, {VENDOR: handler}, clock=clock)


def found(database: Database) -> tuple[ExecutionRecord, list[TaskRecord]]:
    """The newest run and its tasks."""
    looks = Executions(database)
    [newest, *_], _total = looks.page([VENDOR], 1, ALL)
    return newest.record, looks.tasks([VENDOR], 1, newest.record.id, ALL)[0]


def nothing(_run: Run) -> None:
    """Work that is done at once."""


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("0 * * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00"),
        ("0 30 2 * * *", "2026-01-01 02:30:00", "2026-01-02 02:30:00"),
        ("0 0 0 * * 0", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("0 0 0 29 2 ?", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 */15 * ? * MON-FRI", "2026-01-03 10:00:01", "2026-01-05 00:00:00"),
    ],
)
def test_next_time_of_a_schedule_comes_after_the_last(cron: str, after: str, expected: str) -> None:
    def ms(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)

    assert next_time(cron, ms(after)) == ms(expected)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * * *",
        "1 * * * * *",
        "0 60 * * * *",
        "0 0 0 30 2 *",
        "0 0 0 * * 8",
        "0 x * * * *",
        "0 " * 120,
        "@daily",
    ],
)
def test_text_that_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(BadQuery):
        next_time(cron, 0)


@pytest.mark.parametrize("timing", [Timing("Yearly"), Timing("Custom"), Timing("Hourly", "x"), Timing("")])
def test_kind_of_schedule_that_there_is_not_is_refused(database: Database, timing: Timing) -> None:
    with database.write() as tx, pytest.raises(BadQuery):
        schedules.put(tx, VENDOR, 1, timing, {})


def test_work_begins_when_it_is_due_once_however_often_that_was(database: Database, clock: Clock[int]) -> None:
    book = Schedules(database, {VENDOR: lambda _tx, about, wanted: [{"about": about, **wanted}]}, clock)
    with database.write() as tx:
        schedules.put(tx, VENDOR, 1, Timing("Hourly"), {"depth": 2}, now=clock())
    assert book.begin_due() == 0
    clock.now += 300 * MINUTE
    assert (book.begin_due(), book.begin_due()) == (1, 0)
    run, tasks = found(database)
    assert (run.trigger, run.attributes, [task.attributes for task in tasks]) == (
        "SCHEDULE",
        '{"depth": 2}',
        ['{"about": 1, "depth": 2}'],
    )
    record = book.find(VENDOR, 1)
    assert record is not None
    assert clock() < (record.next_at or 0) <= clock() + 60 * MINUTE


def test_run_that_goes_on_keeps_the_next_from_beginning(database: Database, clock: Clock[int]) -> None:
    book = Schedules(database, clock=clock)
    with database.write() as tx:
        schedules.put(tx, VENDOR, 1, Timing("Hourly"), {}, now=clock())
    for expected in (1, 0):
        clock.now += 60 * MINUTE
        assert book.begin_due() == expected
    assert worker(database, clock, nothing).run() == 1
    clock.now += 60 * MINUTE
    assert book.begin_due() == 1


def test_schedule_that_was_taken_back_begins_nothing(database: Database, clock: Clock[int]) -> None:
    with database.write() as tx:
        schedules.put(tx, VENDOR, 1, Timing("Daily"), {}, now=clock())
        schedules.put(tx, VENDOR, 1, Timing("None"), {}, now=clock())
    clock.now += 5000 * MINUTE
    assert Schedules(database, clock=clock).begin_due() == 0


def test_task_is_done_once_with_its_log_and_what_came_of_it(database: Database, clock: Clock[int]) -> None:
    def count(run: Run) -> None:
        run.log(f"went {run.parameters['depth']} deep in {run.attributes['place']}")
        run.attributes["seen"] = 3
        run.results["total"] = 3

    begin(database, clock, {"place": "a"})
    assert worker(database, clock, count).run() == 1
    assert worker(database, clock, count).run() == 0
    run, [task] = found(database)
    assert (run.status, run.attributes, run.finished_at) == ("Success", '{"depth": 2, "total": 3}', clock())
    assert (task.status, task.attributes, task.run_count) == ("Success", '{"place": "a", "seen": 3}', 1)
    assert task.log == "2023-11-14T22:13:20Z went 2 deep in a\n"
    assert Executions(database).log([VENDOR], 1, run.id) == task.log


def test_run_has_failed_once_all_is_done_and_a_task_has_failed(database: Database, clock: Clock[int]) -> None:
    def fail_first(run: Run) -> None:
        if run.attributes["number"] == 1:
            raise WorkFailed("no such place")

    begin(database, clock, {"number": 1}, {"number": 2})
    assert worker(database, clock, fail_first).run() == 2
    run, tasks = found(database)
    assert (run.status, run.status_message) == ("Error", "no such place")
    assert [task.status for task in tasks] == ["Error", "Success"]
    [counted], _ = Executions(database).page([VENDOR], 1, ALL)
    assert counted.counts == {"Error": 1, "Success": 1}


def test_task_that_is_to_be_tried_again_waits_for_its_time(database: Database, clock: Clock[int]) -> None:
    def fail_twice(run: Run) -> None:
        if run.task.run_count < 3:
            raise WorkFailed("busy", retry_after=60)

    begin(database, clock)
    works = worker(database, clock, fail_twice)
    assert (works.run(), works.run()) == (1, 0)
    assert found(database)[1][0].status_message == "busy"
    for _ in range(2):
        clock.now += MINUTE
        assert works.run() == 1
    run, [task] = found(database)
    assert (run.status, task.run_count) == ("Success", 3)


def test_storage_that_fails_puts_a_task_off(database: Database, clock: Clock[int]) -> None:
    def fail(_run: Run) -> None:
        raise StoreUnavailable("gone")

    begin(database, clock)
    assert worker(database, clock, fail).run() == 1
    clock.now += MINUTE
    assert worker(database, clock, nothing).run() == 1
    assert found(database)[0].status == "Success"


def test_bug_fails_its_task_and_is_not_hidden(database: Database, clock: Clock[int]) -> None:
    def fail(_run: Run) -> None:
        raise ZeroDivisionError

    begin(database, clock)
    with pytest.raises(ZeroDivisionError):
        worker(database, clock, fail).run()
    assert found(database)[0].status == "Error"


def test_what_a_dead_process_left_is_done_by_another_and_the_first_has_lost_it(
    database: Database, clock: Clock[int]
) -> None:
    def sleep(run: Run) -> None:
        run.log("slept")
        clock.now += LEASE_MS
        assert worker(database, clock, nothing).run() == 1
        run.must_go_on()

    begin(database, clock)
    assert worker(database, clock, sleep).run() == 1
    run, [task] = found(database)
    assert (run.status, task.run_count, task.log) == ("Success", 2, "")


def test_task_that_goes_on_keeps_being_its_workers(database: Database, clock: Clock[int]) -> None:
    def work(run: Run) -> None:
        for _ in range(5):
            clock.now += MINUTE
            run.must_go_on()
            assert worker(database, clock, nothing).run() == 0

    begin(database, clock)
    assert worker(database, clock, work).run() == 1
    assert found(database)[1][0].run_count == 1


def test_task_that_kills_every_process_is_given_up(database: Database, clock: Clock[int]) -> None:
    def die(run: Run) -> None:
        raise WorkFailed("died", retry_after=0)

    begin(database, clock)
    worker(database, clock, die).run()
    run, [task] = found(database)
    assert (run.status, task.status_message, task.run_count) == ("Error", "it did not end in 50 tries", 51)


def test_run_that_is_stopped_ends_and_begins_nothing_any_more(database: Database, clock: Clock[int]) -> None:
    def work(run: Run) -> None:
        Executions(database, clock=clock).stop([VENDOR], 1, run.execution.id)
        clock.now += MINUTE
        run.must_go_on()
        raise AssertionError("not reached")

    begin(database, clock, {}, {})
    assert worker(database, clock, work).run() == 1
    run, tasks = found(database)
    assert (run.status, [task.status for task in tasks]) == ("Stopped", ["Stopped", "Stopped"])


def test_server_that_ends_gives_its_task_to_the_next(database: Database, clock: Clock[int]) -> None:
    def work(run: Run) -> None:
        ending.stop()
        run.must_go_on()

    begin(database, clock)
    ending = worker(database, clock, work)
    assert ending.run() == 1
    assert ending.run() == 0
    assert worker(database, clock, nothing).run() == 1
    assert found(database)[0].status == "Success"


def test_run_without_a_task_is_done(database: Database, clock: Clock[int]) -> None:
    with database.write() as tx:
        executions.start(tx, VENDOR, 1, "MANUAL", {}, tasks=(), now=clock())
    assert found(database)[0].status == "Success"


def test_old_runs_are_forgotten(database: Database, clock: Clock[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "KEPT", 2)
    for _ in range(4):
        begin(database, clock)
    assert Executions(database).page([VENDOR], 1, ALL)[1] == 4
    worker(database, clock, nothing).run()
    begin(database, clock)
    assert Executions(database).page([VENDOR], 1, ALL)[1] == 2


def test_run_or_task_of_something_else_is_not_found(database: Database, clock: Clock[int]) -> None:
    run, looks = begin(database, clock), Executions(database)
    [task], _ = looks.tasks([VENDOR], 1, run, ALL)
    other = begin(database, clock)
    assert looks.task([VENDOR], 1, run, task.id) == task
    for vendor, about, execution in (("OTHER", 1, run), (VENDOR, 2, run), (VENDOR, 1, 99)):
        with pytest.raises(NotFound):
            looks.get([vendor], about, execution)
    with pytest.raises(NotFound):
        looks.task([VENDOR], 1, other, task.id)
