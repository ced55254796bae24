"""Cleaning up and dropping audit records, begun and scheduled as Harbor's clients do it."""

import json
import time

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import Registry

GC, PURGE = "system/gc", "system/purgeaudit"
PARAMETERS: dict[str, dict[str, object]] = {
    GC: {"delete_untagged": True, "dry_run": True, "workers": 2},
    PURGE: {"audit_retention_hour": 48, "include_event_types": "create,pull_artifact", "dry_run": True},
}
BOTH = pytest.mark.parametrize("path", [GC, PURGE])


def body(path: str, kind: str = "Manual", cron: str = "", **more: object) -> dict[str, object]:
    return {"schedule": {"type": kind, "cron": cron}, "parameters": PARAMETERS[path] | more}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def ended(api: Api, location: str) -> dict[str, object]:
    """The run at that address, once it has ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found: dict[str, object] = api("admin").get(location.removeprefix("/api/v2.0/")).json()
        if found["job_status"] not in ("Pending", "Running"):
            return found
        time.sleep(0.1)
    raise AssertionError("the run did not end")


@BOTH
def test_schedule_is_an_empty_object_until_there_is_one_which_can_be_changed_and_removed(api: Api, path: str) -> None:
    client, address = api("admin"), f"{path}/schedule"
    assert (client.get(address).status_code, client.get(address).json()) == (200, {})
    made = client.post(address, json=body(path, "Daily", "0 30 2 * * *"))
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v2.0/{path}/0")
    found = client.get(address).json()
    assert (found["job_kind"], json.loads(found["job_parameters"])) == ("0 30 2 * * *", PARAMETERS[path])
    assert found["schedule"]["type"] == "Daily"
    assert found["schedule"]["next_scheduled_time"].endswith("T02:30:00.000Z")
    assert "job_name" not in found
    assert code(client.post(address, json=body(path, "Daily"))) == (409, "CONFLICT")
    assert client.put(address, json=body(path, "Weekly")).status_code == 200
    assert client.get(address).json()["job_kind"] == "0 0 0 * * 0"
    assert client.put(address, json=body(path, "None")).status_code == 200
    assert client.get(address).json() == {}


@BOTH
def test_run_is_begun_by_hand_and_tells_what_it_did(api: Api, path: str) -> None:
    response = api("admin").post(f"{path}/schedule", json=body(path))
    assert response.status_code == 201
    run = ended(api, response.headers["location"])
    assert (run["job_kind"], run["job_status"], run["schedule"]) == ("MANUAL", "Success", {"type": "Manual"})
    assert run["job_name"] == {GC: "GARBAGE_COLLECTION", PURGE: "PURGE_AUDIT_LOG"}[path]
    assert PARAMETERS[path].items() <= json.loads(str(run["job_parameters"])).items()
    history = api("admin").get(f"{path}?page_size=1&sort=-creation_time")
    assert (history.json(), int(history.headers["x-total-count"]) >= 1) == ([run], True)
    log = api("admin").get(f"{path}/{run['id']}/log")
    assert (log.status_code, log.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "would" in log.text


def test_clean_up_frees_what_was_deleted(api: Api, registry: Registry) -> None:
    digest = registry.push_image("team/cleaned", "1", layer=b"x" * 1000)
    registry.client("admin").delete(f"/v2/team/cleaned/manifests/{digest}")
    run = ended(api, api("admin").post(f"{GC}/schedule", json=body(GC, dry_run=False)).headers["location"])
    assert run["job_status"] == "Success"
    assert {"freed_space", "purged_blobs", "purged_manifests"} <= json.loads(str(run["job_parameters"])).keys()


def test_old_records_are_dropped(api: Api) -> None:
    run = ended(api, api("admin").post(f"{PURGE}/schedule", json=body(PURGE, dry_run=False)).headers["location"])
    assert run["job_status"] == "Success"
    assert "dropped 0 records" in api("admin").get(f"{PURGE}/{run['id']}/log").text


@BOTH
def test_run_can_be_stopped_also_when_it_has_ended(api: Api, path: str) -> None:
    location = api("admin").post(f"{path}/schedule", json=body(path)).headers["location"]
    run = ended(api, location)
    assert api("admin").put(f"{path}/{run['id']}").status_code == 200
    assert ended(api, location)["job_status"] == "Success"


@BOTH
def test_only_administrators_see_and_begin_it(api: Api, path: str) -> None:
    for user, status in (("pat", 403), (None, 401)):
        client = api(user)
        for method, address in (
            ("GET", path), ("GET", f"{path}/1"), ("PUT", f"{path}/1"), ("GET", f"{path}/1/log"),
            ("GET", f"{path}/schedule"), ("POST", f"{path}/schedule"), ("PUT", f"{path}/schedule"),
        ):  # fmt: skip
            assert client.request(method, address, json=body(path)).status_code == status


@BOTH
def test_run_that_there_is_not_is_not_found(api: Api, path: str) -> None:
    for address in (f"{path}/999999", f"{path}/999999/log"):
        assert code(api("admin").get(address)) == (404, "NOT_FOUND")
    assert code(api("admin").put(f"{path}/999999")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (GC, body(GC, workers=0)),
        (GC, body(GC, workers=11)),
        (GC, body(GC, dry_run="yes")),
        (GC, body(GC, "Custom")),
        (GC, body(GC, "Custom", "* * * * * *")),
        (GC, body(GC, "Sometimes")),
        (PURGE, body(PURGE, audit_retention_hour=0)),
        (PURGE, body(PURGE, include_event_types=["create"])),
        (PURGE, {"schedule": {"type": "Manual"}}),
    ],
)
def test_work_that_cannot_be_is_refused(api: Api, path: str, wanted: dict[str, object]) -> None:
    assert code(api("admin").post(f"{path}/schedule", json=wanted)) == (400, "BAD_REQUEST")
