"""Retention policies, made, followed and looked at as Harbor's clients do it."""

import time
from typing import Any

import httpx

from registry.core.executions import RETENTION
from registry.core.retention import plan
from registry.core.schedules import Schedules
from storage.metadata import schedules as schedule_rows
from tests.api.conftest import Api
from tests.api.content import push, push_index
from tests.api.test_immutable_rules import make as make_immutable
from tests.http.serving import Registry


def policy(project: int, *, keep: int = 1, cron: str = "", repositories: str = "**") -> dict[str, Any]:
    return {
        "algorithm": "or",
        "rules": [
            {
                "disabled": False,
                "action": "retain",
                "template": "latestPushedK",
                "params": {"latestPushedK": keep},
                "tag_selectors": [
                    {"kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": '{"untagged":true}'}
                ],
                "scope_selectors": {
                    "repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repositories}]
                },
            }
        ],
        "trigger": {"kind": "Schedule", "settings": {"cron": cron}, "references": {}},
        "scope": {"level": "project", "ref": project},
    }


def make_project(api: Api, name: str) -> int:
    made = api("admin").post("projects", json={"project_name": name})
    return int(made.headers["location"].rpartition("/")[2])


def make(api: Api, wanted: dict[str, Any]) -> str:
    """The address of a new policy."""
    response = api("admin").post("retentions", json=wanted)
    assert response.status_code == 201, response.text
    location: str = response.headers["location"].removeprefix("/api/v2.0/")
    return location


def begin(api: Api, address: str, *, dry_run: bool) -> str:
    response = api("admin").post(f"{address}/executions", json={"dry_run": dry_run})
    assert response.status_code == 201
    location: str = response.headers["location"].removeprefix("/api/v2.0/")
    return location


def ended(api: Api, address: str) -> dict[str, Any]:
    """The last run of a policy, once it has ended."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        runs: list[dict[str, Any]] = api("admin").get(f"{address}/executions").json()
        if runs and runs[0]["status"] not in ("Pending", "Running"):
            return runs[0]
        time.sleep(0.1)
    raise AssertionError("the run did not end")


def tags(api: Api, repository: str) -> list[str]:
    project, _, path = repository.partition("/")
    found = api("admin").get(f"projects/{project}/repositories/{path}/artifacts?sort=push_time").json()
    return [tag["name"] for artifact in found for tag in artifact["tags"] or []]


def make_due(registry: Registry, address: str) -> None:
    """Let the time of a schedule have come."""
    with registry.database.write() as tx:
        schedule = schedule_rows.find(tx, RETENTION, int(address.rpartition("/")[2]))
        assert schedule
        schedule_rows.set_next(tx, schedule.id, 1)


def message(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["message"]


def test_policy_is_made_once_for_a_project_shown_changed_and_removed(api: Api) -> None:
    project = make_project(api, "policies")
    address = make(api, policy(project, cron="0 0 3 * * *"))
    number = int(address.rpartition("/")[2])
    wanted = policy(project, cron="0 0 3 * * *")
    wanted["rules"][0].update(id=1)
    wanted["rules"][0].pop("disabled")
    assert api("admin").get(address).json() == {"id": number, **wanted}
    assert api("admin").get(f"projects/{project}").json()["metadata"]["retention_id"] == str(number)
    again = api("admin").post("retentions", json=policy(project))
    assert message(again) == (400, f"project {project} already has retention policy {number}")
    assert api("admin").put(address, json=policy(project, keep=7)).status_code == 200
    assert api("admin").get(address).json()["rules"][0]["params"] == {"latestPushedK": 7}
    assert api("admin").get(address).json()["trigger"]["settings"] == {"cron": ""}
    assert api("admin").delete(address).status_code == 200
    assert api("admin").get(address).status_code == 404
    assert "retention_id" not in api("admin").get(f"projects/{project}").json()["metadata"]


def test_policy_that_is_not_sound_is_refused(api: Api) -> None:
    project = make_project(api, "unsound")
    wrong: list[dict[str, Any]] = [
        {"scope": {"level": "system", "ref": project}},
        {"trigger": {"kind": "Schedule", "settings": {"cron": "* * *"}}},
        {"trigger": {"kind": "Schedule", "settings": {"cron": 5}}},
        {"rules": [{"template": "none"}]},
    ]
    for change in wrong:
        assert api("admin").post("retentions", json=policy(project) | change).status_code == 400
    assert api("admin").post("retentions", json=policy(10**6)).status_code == 404
    twice = policy(project)
    twice["rules"] *= 2
    assert api("admin").post("retentions", json=twice).status_code == 409


def test_policies_are_for_those_who_develop_the_project(api: Api) -> None:
    team = api("admin").get("projects/team").json()["project_id"]
    assert api("gus").post("retentions", json=policy(team)).status_code == 403
    assert api(None).post("retentions", json=policy(team)).status_code == 401
    address = make(api, policy(team))
    assert api("dev").get(address).status_code == 200
    assert api("stan").get(address).status_code == 403
    assert api("stan").get("retentions/999999").status_code == 403
    assert api("admin").get("retentions/999999").status_code == 404
    assert api("dev").delete(address).status_code == 200
    templates = api("gus").get("retentions/metadatas").json()["templates"]
    assert [each["rule_template"] for each in templates][:2] == ["latestPushedK", "latestPulledN"]


def test_dry_run_tells_what_would_go_and_a_real_one_deletes_it(api: Api, registry: Registry) -> None:
    project = make_project(api, "kept")
    child = push(registry, "kept/app", config={"n": 0})
    push_index(registry, "kept/app", "index", child)
    for number in range(2):
        push(registry, "kept/app", f"v{number}", config={"n": number + 1})
    push(registry, "kept/app", "last", config={"n": 9})
    push(registry, "kept/left", "alone")
    address = make(api, policy(project, repositories="app"))
    make_immutable(api, "kept", tags="v1")
    dry = begin(api, address, dry_run=True)
    run = ended(api, address)
    assert (run["status"], run["trigger"], run["dry_run"]) == ("Success", "Manual", True)
    (task,) = api("admin").get(f"{dry}/tasks").json()
    told = {name: task[name] for name in ("repository", "status", "status_code", "total", "retained")}
    assert told == {"repository": "app", "status": "Success", "status_code": 1, "total": 4, "retained": 1}
    assert sorted(tags(api, "kept/app")) == ["index", "last", "v0", "v1"]
    real = begin(api, address, dry_run=False)
    assert "dry_run" not in ended(api, address)
    (task,) = api("admin").get(f"{real}/tasks").json()
    assert (task["total"], task["retained"]) == (4, 2)
    log = api("dev").get(f"{real}/tasks/{task['id']}")
    assert log.status_code == 403
    told_lines = api("admin").get(f"{real}/tasks/{task['id']}").text
    assert told_lines.count("deleted:") == 2
    assert "kept, for a tag is immutable" in told_lines
    assert sorted(tags(api, "kept/app")) == ["last", "v1"]
    assert tags(api, "kept/left") == ["alone"]
    assert registry.client("admin").head(f"/v2/kept/app/manifests/{child['digest']}").status_code == 404
    assert api("admin").patch(real, json={"action": "stop"}).status_code == 200
    assert api("admin").patch(real, json={"action": "go"}).status_code == 400
    assert api("admin").patch(f"{address}/executions/999999", json={"action": "stop"}).status_code == 404


def test_scheduled_policy_is_followed_when_its_time_has_come(api: Api, registry: Registry) -> None:
    project = make_project(api, "timed")
    push(registry, "timed/app", "1")
    push(registry, "timed/app", "2", config={"n": 2})
    address = make(api, policy(project, cron="0 0 3 * * *"))
    make_due(registry, address)
    assert ended(api, address)["trigger"] == "Schedule"
    assert tags(api, "timed/app") == ["2"]


def test_policy_of_a_project_that_is_gone_is_not_followed_any_more(api: Api, registry: Registry) -> None:
    project = make_project(api, "ended")
    address = make(api, policy(project, cron="0 0 3 * * *"))
    assert api("admin").delete("projects/ended").status_code == 200
    schedules = Schedules(registry.database, {RETENTION: plan})
    make_due(registry, address)
    schedules.begin_due()
    assert schedules.find(RETENTION, int(address.rpartition("/")[2])) is None
    assert api("admin").get(address).status_code == 404
