"""Records of who did what, in both of Harbor's forms."""

import time

import httpx
import pytest

from auth.access import Access, Actor
from registry.core.audit import DISABLED, Audit, record
from storage.metadata import audit_records, settings
from storage.metadata.audit_records import AuditRecord
from storage.metadata.listings import Listing
from tests.api.conftest import Api
from tests.http.serving import Registry

TEAM = {"pat", "mia", "dev", "gus", "lim"}


def items(response: httpx.Response) -> list[dict[str, object]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, object]] = response.json()
    return found


def test_push_and_deletion_are_on_record_in_both_forms(api: Api, registry: Registry) -> None:
    digest = registry.push_image("team/logged", "1", user="dev")
    assert registry.client("mia").delete(f"/v2/team/logged/manifests/{digest}").status_code == 202
    query = "?q=resource=~team/logged&sort=op_time"
    pushed, deleted = items(api("admin").get(f"audit-logs{query}"))
    assert pushed == {
        "id": pushed["id"],
        "username": "dev",
        "resource": "team/logged:1",
        "resource_type": "artifact",
        "operation": "create",
        "op_time": pushed["op_time"],
    }
    assert (deleted["username"], deleted["operation"]) == ("mia", "delete")
    assert deleted["resource"] == f"team/logged@{digest}"
    assert items(api("admin").get(f"auditlog-exts{query}"))[0] == pushed | {
        "operation_description": "create artifact: team/logged:1",
        "operation_result": True,
    }


def test_records_of_a_project_are_for_those_who_run_it(api: Api, registry: Registry) -> None:
    registry.push_image("team/mine", "1")
    registry.push_image("open/public", "1")
    for path in ("projects/team/logs", "projects/team/auditlog-exts"):
        assert [api(user).get(path).status_code for user in ("pat", "mia", "stan", None)] == [200, 403, 403, 401]
        response = api("pat").get(f"{path}?page_size=1")
        assert int(response.headers["x-total-count"]) >= 1
        assert str(items(response)[0]["resource"]).startswith("team/")
    artifacts = items(api("pat").get("audit-logs?page_size=0&q=resource_type=artifact"))
    assert {str(each["resource"]).partition("/")[0] for each in artifacts} == {"team"}
    assert items(api("mia").get("auditlog-exts")) == []
    assert api(None).get("audit-logs").status_code == 401


def test_records_are_filtered_by_all_that_they_have(api: Api, registry: Registry) -> None:
    digest = registry.push_image("team/many", "1", user="dev")
    registry.push_image("team/many", "2", layer=b"other")
    registry.client("admin").delete(f"/v2/team/many/manifests/{digest}")

    def count(query: str) -> int:
        return len(items(api("admin").get(f"audit-logs?page_size=0&q=resource=~team/many,{query}")))

    assert count("username=dev") == 1
    assert count("operation={create delete}") == 3
    assert count("operation=delete,resource_type=artifact") == 1
    assert count("op_time=[2001-01-01 00:00:00~]") == 3
    assert count("op_time=[~2001-01-01 00:00:00]") == 0
    assert api("admin").get("audit-logs?q=op_time=yesterday").status_code == 400


def test_kinds_of_events_have_names_that_administrators_may_list(api: Api) -> None:
    names = [each["event_type"] for each in items(api("admin").get("auditlog-exts/events"))]
    assert {"create_artifact", "pull_artifact", "login_user", "delete_robot"} <= set(names)
    assert api("pat").get("auditlog-exts/events").status_code == 403


def test_event_that_is_not_wanted_leaves_no_record(registry: Registry) -> None:
    with registry.database.write() as tx:
        settings.put_all(tx, {DISABLED: '"create_label, pull_artifact"'})
        record(tx, Actor(), operation="create", resource_type="label", resource="unwanted")
        record(tx, Actor(), operation="delete", resource_type="label", resource="wanted")
        settings.put_all(tx, {DISABLED: '""'})
    names = {each.resource for each in _all(registry) if each.resource_type == "label"}
    assert names == {"wanted"}


@pytest.mark.parametrize(("events", "left"), [(["create_thing"], {"deleted"}), ([], set())])
def test_old_records_go_by_their_age_and_kind(registry: Registry, events: list[str], left: set[str]) -> None:
    now = int(time.time() * 1000)
    audit = Audit(registry.database, Access(), clock=lambda: now)
    with registry.database.write() as tx:
        for operation, resource in (("create", "made"), ("delete", "deleted")):
            record(tx, Actor(), operation=operation, resource_type="thing", resource=resource, at=now - 7_300_000)
        record(tx, Actor(), operation="create", resource_type="thing", resource="young", at=now - 7_100_000)
    assert audit.count_older(2, events) == 2 - len(left)
    steps: list[int] = []
    assert audit.purge(2, events, steps.append) == 2 - len(left)
    assert steps == [2 - len(left)]
    assert {each.resource for each in _all(registry) if each.resource_type == "thing"} == left | {"young"}
    audit.purge(0, [])


def _all(registry: Registry) -> list[AuditRecord]:
    with registry.database.read() as tx:
        return audit_records.list_page(tx, Listing(size=0))[0]
