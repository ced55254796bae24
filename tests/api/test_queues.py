"""Background work of all kinds, as Harbor's dashboard of its job service shows it."""

import time

import httpx

from registry.core import executions
from registry.core.executions import Executions
from storage.metadata.listings import Listing
from tests.api.conftest import Api
from tests.http.serving import Registry

VENDOR = "SWEEP"  # nothing does such work, so it waits


def begin(registry: Registry, vendor: str = VENDOR) -> int:
    with registry.database.write() as tx:
        return executions.start(tx, vendor, 1, "MANUAL", {}, now=int(time.time() * 1000) - 5000)


def task_of(registry: Registry, run: int) -> int:
    return Executions(registry.database).tasks([VENDOR, "OTHER"], 1, run, Listing())[0][0].id


def waiting(api: Api) -> dict[str, tuple[int, bool]]:
    response = api("admin").get("jobservice/queues")
    assert response.status_code == 200
    return {each["job_type"]: (each["count"], each["latency"] >= 5) for each in response.json()}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_what_waits_is_counted_and_can_be_stopped_by_its_kind(api: Api, registry: Registry) -> None:
    for vendor in (VENDOR, VENDOR, "OTHER"):
        begin(registry, vendor)
    assert {VENDOR: (2, True), "OTHER": (1, True)}.items() <= waiting(api).items()
    assert api("admin").put(f"jobservice/queues/{VENDOR}", json={"action": "stop"}).status_code == 200
    assert VENDOR not in waiting(api)
    assert api("admin").put("jobservice/queues/all", json={"action": "stop"}).status_code == 200
    assert "OTHER" not in waiting(api)


def test_queue_cannot_be_paused(api: Api) -> None:
    for action in ("pause", "resume", ""):
        refused = api("admin").put(f"jobservice/queues/{VENDOR}", json={"action": action})
        assert code(refused) == (422, "UNPROCESSABLE_ENTITY")
    assert api("dev").get(f"schedules/{VENDOR}/paused").json() == {"paused": False}


def test_job_is_stopped_and_its_log_read_by_its_number(api: Api, registry: Registry) -> None:
    task = task_of(registry, begin(registry))
    assert api("admin").get(f"jobservice/jobs/{task}/log").headers["content-type"] == "text/plain; charset=utf-8"
    assert api("admin").put(f"jobservice/jobs/{task}").status_code == 200
    assert VENDOR not in waiting(api)
    assert code(api("admin").put("jobservice/jobs/999999")) == (404, "NOT_FOUND")
    assert code(api("admin").get("jobservice/jobs/999999/log")) == (404, "NOT_FOUND")


def test_schedules_of_all_kinds_are_listed(api: Api) -> None:
    wanted = {"schedule": {"type": "Daily", "cron": "0 0 3 * * *"}, "parameters": {}}
    assert api("admin").put("system/gc/schedule", json=wanted).status_code == 200
    response = api("admin").get("schedules")
    [found] = response.json()
    assert (found["vendor_type"], found["cron"], response.headers["x-total-count"]) == (
        "GARBAGE_COLLECTION",
        "0 0 3 * * *",
        "1",
    )
    wanted["schedule"] = {"type": "None"}
    assert api("admin").put("system/gc/schedule", json=wanted).status_code == 200
    assert api("admin").get("schedules").json() == []


def test_there_are_no_pools_of_workers(api: Api) -> None:
    for path in ("jobservice/pools", "jobservice/pools/all/workers"):
        assert api("admin").get(path).json() == []


def test_only_administrators_look_and_stop(api: Api) -> None:
    for user, status in (("pat", 403), (None, 401)):
        for path in ("jobservice/pools", "jobservice/queues", "jobservice/jobs/1/log", "schedules"):
            assert api(user).get(path).status_code == status
        for path in ("jobservice/queues/all", "jobservice/jobs/1"):
            assert api(user).put(path, json={"action": "stop"}).status_code == status
