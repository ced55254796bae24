"""What harbor-cli sends, request for request: it takes any status that is not published for an error."""

import json
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import Registry

WHOLE = "page=0&page_size=0&q=&sort="
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(api: Api) -> Ask:
    client = api("admin")

    def ask(method: str, path: str, body: object = None, *, expected: int = 200, **headers: str) -> httpx.Response:
        sent = {"Accept": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.request(method, path, content=None if body is None else json.dumps(body), headers=sent)
        assert response.status_code == expected, response.text
        return response

    return ask


def test_person_logs_in_and_robot_does_by_the_second_way(ask: Ask, registry: Registry) -> None:
    assert ask("GET", "users/current").json()["username"] == "admin"
    permission = {"kind": "project", "namespace": "*", "access": [{"resource": "project", "action": "read"}]}
    wanted = {"name": "cli", "level": "system", "duration": -1, "permissions": [permission]}
    made = ask("POST", "robots", wanted, expected=201).json()
    robot = registry.client(made["name"], made["secret"])
    assert robot.get("/api/v2.0/users/current").status_code == 412
    assert robot.get("/api/v2.0/projects?page=1&page_size=1").status_code == 200
    assert robot.get("/api/v2.0/ping").text == "Pong"


def test_overview_is_put_together_from_four_answers(ask: Ask) -> None:
    for path in ("statistics", "systeminfo", "systeminfo/volumes", "users/current", "health"):
        assert ask("GET", path).json()


@pytest.mark.parametrize(
    "path",
    [
        "projects",
        "users",
        "quotas",
        "repositories",
        "robots",
        "audit-logs",
        "auditlog-exts",
        "projects/team/auditlog-exts",
        "projects/team/repositories",
        "projects/team/members",
        "projects/team/immutabletagrules",
        "projects/team/webhook/policies",
        "usergroups",
        "registries",
        "replication/policies",
        "scanners",
        "schedules",
        "system/gc",
        "system/purgeaudit",
        "p2p/preheat/instances",
    ],
)
def test_lists_are_whole_when_all_parameters_are_there_and_empty(ask: Ask, path: str) -> None:
    response = ask("GET", f"{path}?{WHOLE}", X_Is_Resource_Name="true")
    assert response.headers["x-total-count"] == str(len(response.json()))
    assert "link" not in response.headers


def test_robots_of_a_project_are_asked_for_with_a_query_that_is_encoded_twice(ask: Ask) -> None:
    project_id = ask("GET", "projects/team", X_Is_Resource_Name="true").json()["project_id"]
    permission = {"kind": "project", "namespace": "team", "access": [{"resource": "repository", "action": "pull"}]}
    wanted = {"name": "bot", "level": "project", "duration": 30, "disable": False, "permissions": [permission]}
    ask("POST", "robots", wanted, expected=201)
    ask("POST", "robots", wanted | {"name": "top"}, expected=201)
    query = quote(quote(f"Level=project,ProjectID={project_id},name=team+bot", safe=""), safe="")
    [found] = ask("GET", f"robots?page=0&page_size=0&q={query}&sort=").json()
    assert found["name"] == "robot$team+bot"
    assert ask("GET", "configurations").json()["robot_name_prefix"]["value"] == "robot$"
    assert ask("GET", "permissions").json()["project"]


def test_project_is_created_and_deleted_with_all_that_it_holds(ask: Ask, registry: Registry) -> None:
    wanted = {"project_name": "cli", "public": False, "metadata": {"public": "false"}, "storage_limit": -1}
    ask("POST", "projects", wanted | {"registry_id": None}, expected=201, X_Resource_Name_In_Location="false")
    registry.push_image("cli/a/b", "v1")
    artifacts = "projects/cli/repositories/a%2Fb/artifacts"
    flags = "with_tag=true&with_label=true&with_scan_overview=true&with_sbom_overview=false&with_accessory=false"
    [found] = ask("GET", f"{artifacts}?{WHOLE}&{flags}").json()
    ask("POST", f"{artifacts}/{found['digest']}/tags", {"name": "v2"}, expected=201)
    assert len(ask("GET", f"{artifacts}/v1/tags?page=1&page_size=10").json()) == 2
    ask("DELETE", f"{artifacts}/v1/tags/v2")
    ask("POST", f"{artifacts}/v1/scan", {"scan_type": "vulnerability"}, expected=412)
    ask("DELETE", "projects/cli", expected=412, X_Is_Resource_Name="true")
    for repository in ask("GET", f"projects/cli/repositories?{WHOLE}").json():
        name = quote(repository["name"].removeprefix("cli/"), safe="")
        ask("DELETE", f"projects/cli/repositories/{name}")
    ask("DELETE", "projects/cli", X_Is_Resource_Name="true")
