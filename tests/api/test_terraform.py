"""What the Terraform provider sends, request for request.

It compares each status with the one number that it expects, takes `Location` without looking whether it is there, cuts
`/api` and `/v2.0` out of it, and uses what is left as the id and the address of the resource.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import PASSWORD, Registry

Ask = Callable[..., httpx.Response]
SELECTOR = {"kind": "doublestar", "decoration": "matches", "pattern": "v*", "extras": '{"untagged":false}'}
SCOPE = {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**", "extras": ""}]}
EMPTY = {"id": 0}


@pytest.fixture
def ask(api: Api, registry: Registry) -> Ask:
    """Sends as the provider does: method, path, body and the one status that it takes."""
    client = api("admin")

    def ask(method: str, path: str, body: object = None, *, expected: int = 200) -> httpx.Response:
        response = client.request(method, f"{registry.url}/api/v2.0{path}", json=body)
        assert response.status_code == expected, response.text
        return response

    return ask


def make(ask: Ask, path: str, body: object) -> str:
    """Create: the id is what is left of the Location."""
    location = ask("POST", path, body, expected=201).headers["location"]
    return location.replace("/api", "").replace("/v2.0", "")


def test_project_is_created_with_its_quota_read_updated_and_destroyed_with_force(ask: Ask, registry: Registry) -> None:
    body: dict[str, Any] = {
        "project_name": "tf",
        "registry_id": None,
        "storage_limit": 5 * 2**30,
        "cve_allowlist": {"items": None},
        "metadata": {
            "auto_scan": "false",
            "auto_sbom_generation": "false",
            "enable_content_trust": "false",
            "enable_content_trust_cosign": "false",
            "public": "false",
            "prevent_vul": "false",
            "severity": "low",
            "reuse_sys_cve_allowlist": "true",
        },
    }
    project = make(ask, "/projects", body)
    assert project.startswith("/projects/")
    found = ask("GET", project).json()
    assert (found["name"], found["metadata"]["public"]) == ("tf", "false")
    assert "registry_id" not in found
    assert ask("GET", "/configurations").json()["quota_per_project_enable"]["value"] is True
    assert quota_of(ask, found["project_id"]) == 5 * 2**30
    ask("PUT", project, body | {"metadata": body["metadata"] | {"public": "true"}})
    ask("PUT", f"/quotas/{found['project_id']}", {"hard": {"storage": 10 * 2**30}})
    assert quota_of(ask, found["project_id"]) == 10 * 2**30
    registry.push_image("tf/a/b", "v1")
    [repository] = ask("GET", "/projects/tf/repositories?page=1&page_size=100").json()
    name = repository["name"].removeprefix("tf/").replace("/", "%252F")
    ask("DELETE", f"/projects/tf/repositories/{name}")
    ask("DELETE", project)
    ask("GET", project, expected=404)


def quota_of(ask: Ask, project_id: int) -> int:
    """It looks through all pages until one is empty."""
    page = 1
    limits: dict[int, int] = {}
    while found := ask("GET", f"/quotas/?page={page}&page_size=100").json():
        limits |= {each["ref"]["id"]: each["hard"]["storage"] for each in found}
        page += 1
    return limits[project_id]


def test_user_is_created_with_fields_that_harbor_does_not_take_and_made_administrator(ask: Ask) -> None:
    body = {
        "username": "tf-user",
        "password": PASSWORD,
        "email": "tf@example.com",
        "realname": "Tf",
        "comment": "",
        "sysadmin_flag": False,
        "new_password": "",
    }
    user = make(ask, "/users", body)
    ask("PUT", f"{user}/sysadmin", {"sysadmin_flag": True})
    ask("PUT", user, body | {"email": "tf@example.org"})
    ask("PUT", f"{user}/password", {"new_password": "Other-horse1"})
    found = ask("GET", user).json()
    assert (found["email"], found["sysadmin_flag"]) == ("tf@example.org", True)
    member = make(ask, "/projects/team/members", {"role_id": 2, "member_user": {"username": "tf-user"}})
    assert ask("GET", member).json()["role_name"] == "developer"
    ask("PUT", member, {"role_id": 3, "member_user": {"username": "tf-user"}})
    ask("DELETE", member)
    ask("DELETE", user)


@pytest.mark.parametrize("level", ["system", "project"])
def test_robot_is_created_with_a_secret_set_afterwards_and_disabled(ask: Ask, level: str) -> None:
    access = [{"resource": "repository", "action": "pull", "effect": "allow"}]
    permissions = [{"kind": "project", "namespace": "team", "access": access}]
    body = {"name": f"tf-{level}", "level": level, "duration": -1, "description": "", "permissions": permissions}
    robot = make(ask, "/robots", body | {"disable": False, "secret": ""})
    ask("PATCH", robot, {"secret": "Chosen-secret1"})
    found = ask("GET", robot).json()
    prefix = ask("GET", "/configurations").json()["robot_name_prefix"]["value"]
    assert found["name"].removeprefix(prefix) == {"system": "tf-system", "project": "team+tf-project"}[level]
    assert found["permissions"][0]["namespace"] == "team"
    ask("PUT", robot, body | {"id": found["id"], "name": found["name"], "disable": True})
    assert ask("GET", robot).json()["disable"] is True
    ask("DELETE", robot)
    ask("GET", robot, expected=404)


def test_rules_labels_and_webhooks_are_created_read_updated_and_destroyed(ask: Ask) -> None:
    rule = {"disabled": False, "action": "immutable", "template": "immutable_template", "tag_selectors": [SELECTOR]}
    made = make(ask, "/projects/team/immutabletagrules", rule | EMPTY | {"scope_selectors": SCOPE})
    [found] = ask("GET", "/projects/team/immutabletagrules").json()
    assert made.endswith(f"/{found['id']}")
    assert found["tag_selectors"] == [SELECTOR]
    assert found["scope_selectors"]["repository"][0]["pattern"] == "**"
    ask("PUT", made, rule | {"id": found["id"], "scope_selectors": SCOPE, "disabled": True})
    ask("DELETE", made)
    label = make(ask, "/labels", {"name": "tf", "color": "#61717D", "description": "", "scope": "g", "project_id": 0})
    ask("PUT", label, {"name": "tf2", "color": "#61717D", "scope": "g"})
    assert ask("GET", label).json()["name"] == "tf2"
    ask("DELETE", label)
    target = {"type": "http", "auth_header": "", "skip_cert_verify": False, "address": "https://hooks.example/x"}
    hook = {"name": "tf", "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [target]}
    policy = make(ask, "/projects/team/webhook/policies", hook)
    assert ask("GET", policy).json()["targets"][0]["address"] == target["address"]
    ask("PUT", policy, hook | {"enabled": False})
    ask("DELETE", policy)
    group = make(ask, "/usergroups", {"group_name": "tf", "group_type": 3})
    assert ask("GET", group).json()["group_name"] == "tf"
    ask("DELETE", group)


def test_retention_that_there_is_already_is_told_so_and_then_changed(ask: Ask) -> None:
    project_id = ask("GET", "/projects/team").json()["project_id"]
    rule = {
        "disabled": False,
        "action": "retain",
        "template": "latestPushedK",
        "params": {"latestPushedK": 5},
        "tag_selectors": [SELECTOR],
        "scope_selectors": SCOPE,
    }
    body = {
        "algorithm": "or",
        "rules": [rule],
        "trigger": {"kind": "Schedule", "settings": {"cron": "0 0 0 * * *"}, "references": {}},
        "scope": {"level": "project", "ref": project_id},
    }
    policy = make(ask, "/retentions", body)
    refused = ask("POST", "/retentions", body, expected=400).json()["errors"][0]["message"]
    assert "already has retention policy" in refused
    number = ask("GET", f"/projects/{project_id}").json()["metadata"]["retention_id"]
    assert policy == f"/retentions/{number}"
    ask("PUT", policy, body)
    assert ask("GET", policy).json()["rules"][0]["params"] == {"latestPushedK": 5}
    ask("DELETE", policy)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("gc", {"delete_untagged": True, "workers": 1}),
        ("purgeaudit", {"audit_retention_hour": 24, "include_event_types": "create_artifact", "dry_run": False}),
    ],
)
def test_schedule_is_created_or_changed_by_whether_there_is_one(ask: Ask, kind: str, parameters: object) -> None:
    path = f"/system/{kind}/schedule"
    body = {"schedule": {"type": "Daily", "cron": "0 0 0 * * *"}, "parameters": parameters}
    assert ask("GET", path).json() == {}
    ask("PUT", path, body)
    assert ask("GET", path).json()["schedule"]["cron"] == "0 0 0 * * *"
    ask("PUT", path, {"schedule": {"type": "None", "cron": ""}})
    assert ask("GET", path).json() == {}


def test_configuration_is_changed_with_the_fields_that_are_given_and_read_back(ask: Ask) -> None:
    before = {name: item["value"] for name, item in ask("GET", "/configurations").json().items()}
    ask("PUT", "/configurations", {"project_creation_restriction": "adminonly", "robot_token_duration": 60})
    after = ask("GET", "/configurations").json()
    assert (after["project_creation_restriction"]["value"], after["robot_token_duration"]["value"]) == ("adminonly", 60)
    ask(
        "PUT",
        "/configurations",
        {name: before[name] for name in ("project_creation_restriction", "robot_token_duration")},
    )
