"""Robots, labels, audit records, webhooks, schedules and runs of background work, in the database."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage.metadata import (
    audit_records,
    executions,
    groups,
    labels,
    members,
    projects,
    robots,
    schedules,
    users,
    webhooks,
)
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import BadFilter, Filter, Listing
from storage.metadata.sights import Sight
from tests.storage.metadata.databases import robot_row
from tests.storage.metadata.test_queries import make_manifest, make_project, make_repository

ALL = Listing(size=0)


@pytest.fixture
def tx(shared: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with shared.write() as tx:
        yield tx
        tx.rollback()


def make_robot(tx: Transaction, name: str, project: int | None = None, **more: object) -> int:
    return robots.add(tx, robot_row(project_id=project, name=name, **more)).id


def make_label(tx: Transaction, name: str, project: int | None = None) -> int:
    row = {"project_id": project, "name": name, "description": "", "color": "", "created_at": 1, "updated_at": 1}
    return labels.add(tx, row).id


def make_webhook(tx: Transaction, name: str, project: int, *, enabled: bool = True) -> int:
    row = {
        "project_id": project,
        "name": name,
        "description": "",
        "is_enabled": enabled,
        "targets": "[]",
        "event_types": "[]",
        "creator": "",
        "created_at": 1,
        "updated_at": 1,
    }
    return webhooks.add(tx, row).id


def record(tx: Transaction, at: int, operation: str, resource: str, project: int | None = None) -> None:
    row = {
        "at": at,
        "project_id": project,
        "user_name": "dev",
        "operation": operation,
        "resource_type": "artifact",
        "resource": resource,
        "description": "",
        "succeeded": True,
    }
    audit_records.add_all(tx, [row])


def recorded(tx: Transaction, listing: Listing = ALL, **of: Any) -> list[str]:
    found, total = audit_records.list_page(tx, listing, **of)
    assert listing.size or len(found) == total
    return [each.resource for each in found]


def test_robots_are_listed_for_the_system_or_for_one_project(tx: Transaction) -> None:
    project = make_project(tx, "p")
    make_robot(tx, "b")
    make_robot(tx, "a", is_disabled=True)
    make_robot(tx, "p+c", project)
    assert [each.name for each in robots.list_page(tx, None, ALL)[0]] == ["a", "b"]
    assert [each.name for each in robots.list_page(tx, project, ALL)[0]] == ["p+c"]
    disabled = Listing((Filter("disable", "exact", ("true",)),), size=0)
    assert [each.name for each in robots.list_page(tx, None, disabled)[0]] == ["a"]
    with pytest.raises(BadFilter):
        robots.list_page(tx, None, Listing((Filter("disable", "exact", ("maybe",)),)))


def test_robots_whose_permissions_name_a_project_are_found_by_its_exact_name(tx: Transaction) -> None:
    make_robot(tx, "a", permissions='[{"namespace": "p_x"}]')
    make_robot(tx, "b", permissions='[{"namespace": "pax"}]')
    assert [each.name for each in robots.list_naming(tx, '"p_x"')] == ["a"]


def test_labels_are_of_one_place_and_go_with_it_or_with_their_artifact(tx: Transaction) -> None:
    project = make_project(tx, "p")
    repository = make_repository(tx, project, "p/r")
    manifest, other = make_manifest(tx, repository, "sha256:x"), make_manifest(tx, repository, "sha256:y")
    own, general = make_label(tx, "own", project), make_label(tx, "general")
    assert labels.find_by_name(tx, None, "own") is None
    assert [labels.attach(tx, manifest, label) for label in (own, general, own)] == [True, True, False]
    assert {key: [each.name for each in found] for key, found in labels.list_of(tx, [manifest, other]).items()} == {
        manifest: ["general", "own"]
    }
    assert (labels.detach(tx, other, own), labels.detach(tx, manifest, own)) == (False, True)
    labels.remove(tx, general)
    assert labels.list_of(tx, [manifest]) == {}
    projects.remove(tx, project, 2)
    assert labels.find(tx, own) is None


def test_records_are_listed_the_newest_first_for_all_or_where_somebody_may_see_them(tx: Transaction) -> None:
    own, public, foreign = make_project(tx, "own"), make_project(tx, "public", public=True), make_project(tx, "foreign")
    dev = users.add(tx, "dev", "x", is_admin=False, now=1).id
    members.put_role(tx, own, dev, 1)
    members.put_role(tx, foreign, dev, 3)
    for at, project in enumerate((own, public, foreign, None), start=10):
        record(tx, at, "create", f"in {project}", project)
    everything = [f"in {project}" for project in (None, foreign, public, own)]
    assert recorded(tx) == everything
    assert recorded(tx, Listing(page=2, size=3)) == everything[3:]
    assert recorded(tx, project_id=own) == [f"in {own}"]
    assert recorded(tx, sight=Sight(user_id=dev, roles=(1,), is_private=True)) == [f"in {own}"]
    assert recorded(tx, sight=Sight(user_id=dev)) == everything[1:]
    assert recorded(tx, sight=Sight(everything=True)) == everything[1:]
    assert recorded(tx, sight=Sight(is_private=True)) == []
    assert recorded(tx, Listing((Filter("optime", "range", ("11", "12")),), size=0)) == everything[1:3]


@pytest.mark.parametrize("sort", ["", "op_time", "-username", "operation,-resource"])
def test_pages_make_up_the_whole_list_from_whichever_end_they_are_found(tx: Transaction, sort: str) -> None:
    for at in range(11):
        record(tx, at % 4, ("create", "pull", "delete")[at % 3], f"r{at}")
    order = (sort,) if sort else ()
    whole = recorded(tx, Listing(sort=order, size=0))
    for size in (1, 3, 4, 11):
        pages = [recorded(tx, Listing(sort=order, page=page, size=size)) for page in range(1, 13)]
        assert [each for page in pages for each in page] == whole
        assert all(len(page) in (0, size, 11 % size) for page in pages)
    for name in "cabed":
        make_label(tx, name)
    found = [labels.list_page(tx, None, Listing(page=page, size=2))[0] for page in (1, 2, 3)]
    assert [each.name for page in found for each in page] == sorted("cabed")


def test_role_that_a_group_has_counts_for_its_people(tx: Transaction) -> None:
    project, dev = make_project(tx, "p"), users.add(tx, "dev", "x", is_admin=False, now=1).id
    group = groups.add(tx, 3, "people").id
    groups.put_user(tx, dev, [group])
    members.add(tx, project, 1, group_id=group, at=1, by="ann")
    record(tx, 1, "create", "x", project)
    assert recorded(tx, sight=Sight(user_id=dev, roles=(1,), is_private=True)) == ["x"]
    assert recorded(tx, sight=Sight(user_id=dev, roles=(2,), is_private=True)) == []


@pytest.mark.parametrize(
    ("events", "left"),
    [((), ["new"]), (("pull",), ["new", "made"]), (("create_artifact", "pull_tag"), ["new", "pulled"])],
)
def test_old_records_go_by_kind_and_by_number(tx: Transaction, events: tuple[str, ...], left: list[str]) -> None:
    record(tx, 1, "pull", "pulled")
    record(tx, 2, "create", "made")
    record(tx, 3, "create", "new")
    old = 3 - len(left)
    assert audit_records.count_until(tx, 3, events) == old
    assert audit_records.remove_until(tx, 3, events, 1) == 1
    assert audit_records.remove_until(tx, 3, events, 5) == old - 1
    assert recorded(tx) == left


def test_webhooks_go_with_their_project_and_only_those_that_are_on_listen(tx: Transaction) -> None:
    project = make_project(tx, "p")
    on = make_webhook(tx, "on", project)
    make_webhook(tx, "off", project, enabled=False)
    assert [each.id for each in webhooks.list_enabled(tx, project)] == [on]
    assert webhooks.list_page(tx, project, ALL)[1] == 2
    projects.remove(tx, project, 2)
    assert webhooks.find(tx, on) is None


def test_schedule_is_made_once_and_keeps_when_that_was(tx: Transaction) -> None:
    for now in (10, 20):
        schedules.put_one(tx, "SWEEP", 1, kind="Daily", cron="x", parameters="{}", next_at=now + 5, now=now)
    [found], total = schedules.list_page(tx, ALL)
    assert (found.created_at, found.updated_at, found.next_at, total) == (10, 20, 25, 1)
    assert schedules.list_due(tx, 24) == []
    assert schedules.list_due(tx, 25) == [found]
    schedules.set_next(tx, found.id, 30)
    assert schedules.list_due(tx, 29) == []
    schedules.remove(tx, "SWEEP", 1)
    assert schedules.find(tx, "SWEEP", 1) is None


def test_task_is_one_takers_until_its_time_is_over(tx: Transaction) -> None:
    run = executions.add(tx, "SWEEP", 1, trigger="MANUAL", attributes="{}", now=1)
    executions.add_tasks(tx, run, ["{}"], 1)
    assert executions.list_due(tx, ["OTHER"], 1, 9) == []
    [task_id] = executions.list_due(tx, ["SWEEP"], 1, 9)
    first = executions.take(tx, task_id, now=1, until=10)
    assert first is not None
    assert executions.take(tx, task_id, now=9, until=20) is None
    assert executions.hold(tx, first, until=11)
    second = executions.take(tx, task_id, now=11, until=20)
    assert second is not None
    assert second.run_count == 2
    assert not executions.hold(tx, first, until=30)
    assert not executions.finish(tx, first, status=executions.SUCCESS, message="", now=12)
    assert executions.is_under_way(tx, "SWEEP", 1)
    assert executions.finish(tx, second, status=executions.SUCCESS, message="", now=12)
    assert not executions.is_under_way(tx, "SWEEP", 1)


def test_what_waits_is_counted_by_its_kind(tx: Transaction) -> None:
    for vendor, at in (("SWEEP", 3), ("SWEEP", 2), ("OTHER", 4)):
        run = executions.add(tx, vendor, 1, trigger="MANUAL", attributes="{}", now=at)
        executions.add_tasks(tx, run, ["{}", "{}"], at)
    executions.take(tx, executions.list_due(tx, ["OTHER"], 9, 1)[0], now=9, until=20)
    assert executions.count_waiting(tx) == [("OTHER", 1, 4), ("SWEEP", 4, 2)]
    assert len(executions.list_waiting(tx, "SWEEP")) == 2
    assert len(executions.list_waiting(tx, None)) == 3


def test_only_the_newest_runs_that_have_ended_are_kept(tx: Transaction) -> None:
    runs = [executions.add(tx, "SWEEP", 1, trigger="MANUAL", attributes="{}", now=at) for at in range(4)]
    for run in runs[1:]:
        assert executions.settle(tx, run, 9)
    executions.keep_newest(tx, "SWEEP", 1, 5)
    executions.keep_newest(tx, "OTHER", 1, 1)
    executions.keep_newest(tx, "SWEEP", 1, 2)
    found, _ = executions.list_page(tx, ["SWEEP"], 1, ALL)
    assert [each.id for each in found] == [runs[3], runs[2], runs[0]]
    executions.remove(tx, ["SWEEP"], 1)
    assert executions.list_page(tx, ["SWEEP"], 1, ALL) == ([], 0)


DAY = 24 * 60 * 60 * 1000
SPANS = [("0", "-1"), ("1", str(DAY)), (str(DAY // 2), str(3 * DAY)), (str(DAY), str(3 * DAY - 1))]
OPEN = [(None, str(2 * DAY)), (str(DAY + 1), None), (str(2 * DAY), None), (str(9 * DAY), None)]


@pytest.mark.parametrize("span", [None, *SPANS, *OPEN])
def test_list_of_all_records_is_as_long_as_it_says_whatever_it_asks_for(
    tx: Transaction, span: tuple[str | None, str | None] | None
) -> None:
    for number in range(40):
        record(tx, number * DAY // 8, ("create", "pull", "delete")[number % 3], f"r{number}")
    times = [Filter("optime", "range", span)] if span else []
    kinds = [
        [],
        [Filter("operation", "exact", ("pull",))],
        [Filter("operation", "any", ("pull", "create")), Filter("username", "contains", ("DE",))],
        [Filter("operation", "all", ("pull", "create"))],
        [Filter("operationresult", "exact", ("false",))],
        [Filter("resourcetype", "exact", ("artifact",)), Filter("resource", "contains", ("r1",))],
    ]
    for _ in range(3):
        for filters in kinds:
            recorded(tx, Listing((*times, *filters), size=0))  # asserts it
        audit_records.remove_until(tx, 2 * DAY, ("pull",), 3)
    with pytest.raises(BadFilter):
        audit_records.list_page(tx, Listing((Filter("operationresult", "exact", ("maybe",)),)))
