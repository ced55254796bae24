"""Rights are those of the account in the project that is meant: no number and no body of a request gives others.

pat runs the project `team` and has nothing to do with `other`.
"""

from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import PASSWORD, Registry

SELECTOR = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
RULE = {
    "tag_selectors": [SELECTOR],
    "scope_selectors": {"repository": [SELECTOR | {"decoration": "repoMatches", "pattern": "**"}]},
}
HOOK = {
    "name": "hook",
    "targets": [{"type": "http", "address": "https://hooks.example"}],
    "event_types": ["PUSH_ARTIFACT"],
}
PULL = [{"resource": "repository", "action": "pull"}]


def number(response: httpx.Response) -> int:
    assert response.status_code == 201, response.text
    return int(response.headers["location"].rpartition("/")[2])


def robot(level: str, namespace: str) -> dict[str, Any]:
    permission = {"kind": "project", "namespace": namespace, "access": PULL}
    return {"name": f"r-{level}-{namespace}", "level": level, "duration": -1, "permissions": [permission]}


def retention(project_id: int) -> dict[str, Any]:
    rule = RULE | {"action": "retain", "template": "always", "params": {}}
    trigger = {"kind": "Schedule", "settings": {"cron": ""}, "references": {}}
    return {"algorithm": "or", "rules": [rule], "trigger": trigger, "scope": {"level": "project", "ref": project_id}}


@pytest.fixture(scope="module")
def theirs(registry: Registry) -> dict[str, int]:
    """The numbers of what an administrator made in `other`; there is an image in `team`."""
    registry.push_image("team/app", "v1")
    admin = registry.client("admin")
    admin.base_url = httpx.URL(f"{registry.url}/api/v2.0/")
    project_id = admin.get("projects/other").json()["project_id"]
    [stan] = [each for each in admin.get("projects/other/members").json() if each["entity_name"] == "stan"]
    label = {"name": "theirs", "scope": "p", "project_id": project_id}
    return {
        "project": project_id,
        "member": stan["id"],
        "robot": number(admin.post("robots", json=robot("project", "other"))),
        "label": number(admin.post("labels", json=label)),
        "rule": number(admin.post("projects/other/immutabletagrules", json=RULE)),
        "hook": number(admin.post("projects/other/webhook/policies", json=HOOK)),
        "retention": number(admin.post("retentions", json=retention(project_id))),
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "projects/{project}", None),
        ("PUT", "projects/{project}", {"metadata": {"public": "true"}}),
        ("GET", "projects/team/members/{member}", None),
        ("PUT", "projects/team/members/{member}", {"role_id": 1}),
        ("DELETE", "projects/team/members/{member}", None),
        ("GET", "robots/{robot}", None),
        ("PATCH", "robots/{robot}", {"secret": ""}),
        ("DELETE", "robots/{robot}", None),
        ("GET", "projects/team/robots/{robot}", None),
        ("PUT", "projects/team/robots/{robot}", {"disable": True}),
        ("DELETE", "projects/team/robots/{robot}", None),
        ("GET", "labels/{label}", None),
        ("PUT", "labels/{label}", {"name": "ours", "scope": "p"}),
        ("DELETE", "labels/{label}", None),
        ("POST", "projects/team/repositories/app/artifacts/v1/labels", {"id": "{label}"}),
        ("PUT", "projects/team/immutabletagrules/{rule}", RULE | {"disabled": True}),
        ("DELETE", "projects/team/immutabletagrules/{rule}", None),
        ("GET", "projects/team/webhook/policies/{hook}", None),
        ("PUT", "projects/team/webhook/policies/{hook}", HOOK),
        ("DELETE", "projects/team/webhook/policies/{hook}", None),
        ("GET", "projects/team/webhook/policies/{hook}/executions", None),
        ("GET", "retentions/{retention}", None),
        ("PUT", "retentions/{retention}", retention(1)),
        ("POST", "retentions/{retention}/executions", {"dry_run": False}),
        ("DELETE", "retentions/{retention}", None),
    ],
)
def test_number_of_what_another_project_has_leads_nowhere(
    api: Api, theirs: dict[str, int], method: str, path: str, body: Any
) -> None:
    if body and body.get("id") == "{label}":
        body = {"id": theirs["label"]}
    response = api("pat").request(method, path.format(**theirs), json=body)
    assert response.status_code in (403, 404), response.text


def test_nothing_of_the_other_project_has_changed(api: Api, theirs: dict[str, int]) -> None:
    admin = api("admin")
    assert admin.get("projects/other").json()["metadata"]["public"] == "false"
    assert admin.get(f"projects/other/members/{theirs['member']}").json()["role_id"] == 2
    assert admin.get(f"robots/{theirs['robot']}").json()["disable"] is False
    assert admin.get(f"labels/{theirs['label']}").json()["name"] == "theirs"
    assert "disabled" not in admin.get("projects/other/immutabletagrules").json()[0]
    assert admin.get(f"projects/other/webhook/policies/{theirs['hook']}").json()["enabled"] is False
    assert admin.get(f"retentions/{theirs['retention']}/executions").json() == []


def test_body_of_a_request_gives_no_right_that_the_account_has_not(api: Api, theirs: dict[str, int]) -> None:
    pat, other = api("pat"), theirs["project"]
    assert pat.post("robots", json=robot("system", "team")).status_code == 403
    assert pat.post("robots", json=robot("project", "other")).status_code == 403
    assert pat.post("labels", json={"name": "x", "scope": "g"}).status_code == 403
    assert pat.post("labels", json={"name": "x", "scope": "p", "project_id": other}).status_code == 403
    assert pat.post("retentions", json=retention(other)).status_code == 403


def test_fields_that_a_request_does_not_take_change_nothing(api: Api, theirs: dict[str, int]) -> None:
    admin, stan = api("admin"), api("stan")
    me = stan.get("users/current").json()["user_id"]
    profile = {
        "email": "stan@example.com",
        "realname": "Stan",
        "sysadmin_flag": True,
        "user_id": 1,
        "username": "admin",
    }
    assert stan.put(f"users/{me}", json=profile).status_code == 200
    found = admin.get(f"users/{me}").json()
    assert (found["username"], found["sysadmin_flag"]) == ("stan", False)
    account = {
        "username": "eve",
        "password": PASSWORD,
        "email": "eve@example.com",
        "realname": "E",
        "sysadmin_flag": True,
    }
    made = number(admin.post("users", json=account | {"user_id": 1}))
    assert admin.get(f"users/{made}").json()["sysadmin_flag"] is False
    hook = number(api("pat").post("projects/team/webhook/policies", json=HOOK | {"project_id": theirs["project"]}))
    assert [each["id"] for each in admin.get("projects/other/webhook/policies").json()] == [theirs["hook"]]
    assert admin.get(f"projects/team/webhook/policies/{hook}").status_code == 200
