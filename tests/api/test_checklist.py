"""The list of what Harbor's clients count on: each line has tests, and those that had none have them here."""

import ast
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import update

from storage.clock import now_ms
from storage.metadata.management_tables import robots
from tests.api.checklist import LINES, TRAPS
from tests.api.conftest import Api
from tests.http.serving import Registry

TESTS = Path(__file__).parents[1]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_PULL = {"resource": "repository", "action": "pull"}
_PERMISSIONS = [{"kind": "project", "namespace": "team", "access": [_PULL, {"resource": "project", "action": "read"}]}]


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_line_is_met_by_tests_that_exist() -> None:
    assert (list(LINES), list(TRAPS)) == (list(range(1, 15)), list(range(1, 16)))
    named = list(chain.from_iterable(tests for _, tests in (*LINES.values(), *TRAPS.values())))
    assert all(tests for _, tests in (*LINES.values(), *TRAPS.values()))
    assert [test for test in named if test.partition("::")[2] not in names_in(test.partition("::")[0])] == []


def test_page_of_more_than_100_cannot_be_processed(api: Api) -> None:
    for path in ("projects", "quotas", "audit-logs", "projects/team/repositories"):
        refused = api("admin").get(f"{path}?page_size=101")
        assert (refused.status_code, refused.json()) == (
            422,
            {
                "errors": [
                    {
                        "code": "UNPROCESSABLE_ENTITY",
                        "message": "page_size in query should be less than or equal to 100",
                    }
                ]
            },
        )
        assert api("admin").get(f"{path}?page_size=100").status_code == 200


def test_page_has_ten_items_unless_another_number_is_asked_for(api: Api) -> None:
    for number in range(11):
        assert api("admin").post("projects", json={"project_name": f"ten{number}"}).status_code == 201
    assert len(api("admin").get("projects?name=ten").json()) == 10
    assert len(api("admin").get("projects?name=ten&page=2").json()) == 1
    assert len(api("admin").get("projects?name=ten&page=0&page_size=0&q=&sort=").json()) == 11


def test_plus_in_a_condition_is_one_however_often_it_was_encoded(api: Api) -> None:
    wish = {"name": "plus", "level": "project", "duration": -1, "permissions": _PERMISSIONS}
    assert api("admin").post("robots", json=wish).status_code == 201
    number = api("admin").get("projects/team").json()["project_id"]
    for plus in ("%2B", "%252B"):
        address = f"robots?q=Level=project,ProjectID={number},name=team{plus}plus"
        assert [each["name"] for each in api("admin").get(address).json()] == ["robot$team+plus"]


def test_robot_that_has_expired_signs_in_nowhere_and_is_still_listed(api: Api, registry: Registry) -> None:
    wish = {"name": "aged", "level": "project", "duration": 1, "permissions": _PERMISSIONS}
    made = api("admin").post("robots", json=wish).json()
    robot = registry.client(made["name"], made["secret"])
    addresses = ("/v2/", "/api/v2.0/projects/team", "/service/token")
    assert [robot.get(address).status_code for address in addresses] == [200, 200, 200]
    with registry.database.write() as tx:
        tx.execute(update(robots).where(robots.c.id == made["id"]).values(expires_at=now_ms() - 1))
    assert [robot.get(address).status_code for address in addresses] == [401, 401, 401]
    assert api("admin").get(f"robots/{made['id']}").json()["name"] == "robot$team+aged"


def test_no_operation_is_said_to_answer_204(registry: Registry) -> None:
    document = registry.client("admin").get("/api/openapi.json").json()
    managing = {path: item for path, item in document["paths"].items() if path.startswith("/api/v2.0")}
    assert len(managing) > 100
    said = {
        (path, status)
        for path, item in managing.items()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert [each for each in said if each[1] == "204"] == []


@pytest.mark.parametrize(
    "path", ["projects/team", "users/current", "systeminfo", "audit-logs?page_size=1", "quotas?page_size=1"]
)
def test_times_have_milliseconds_and_a_zone(api: Api, path: str) -> None:
    found = api("admin").get(path).json()
    first = found[0] if isinstance(found, list) else found
    times = [value for name, value in first.items() if name.endswith("_time")]
    assert times
    assert all(_TIME.fullmatch(value) for value in times)


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("projects", 200, "application/json"),
        ("projects/team", 200, "application/json"),
        ("projects/none", 404, "application/json"),
        ("system/gc/schedule", 200, "application/json"),
        ("ping", 200, "text/plain; charset=utf-8"),
        ("system/gc/999999/log", 404, "application/json"),
    ],
)
def test_answers_say_of_what_type_they_are(api: Api, path: str, status: int, kind: str) -> None:
    response = api("admin").get(path)
    assert response.status_code == status
    assert response.headers["content-type"].startswith(kind)


def test_every_answer_has_the_id_of_its_request(api: Api) -> None:
    given = {"X-Request-Id": "5f3c1f5e-0f0c-4e3e-9f57-000000000001"}
    for path in ("projects", "projects/none", "ping"):
        assert api("admin").get(path, headers=given).headers["x-request-id"] == given["X-Request-Id"]
        assert api("admin").get(path).headers["x-request-id"] != given["X-Request-Id"]
