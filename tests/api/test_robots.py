"""Robots, as Harbor's clients make, change and use them."""

import time
from collections.abc import Mapping

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import Registry

PUSH = {"resource": "repository", "action": "push"}
READ = {"resource": "repository", "action": "pull"}


def permission(*access: Mapping[str, str], namespace: str = "team", kind: str = "project") -> dict[str, object]:
    return {"kind": kind, "namespace": namespace, "access": list(access)}


def body(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "level": "project", "duration": 30, "permissions": [permission(PUSH)]} | more


def system(name: str, *permissions: dict[str, object], **more: object) -> dict[str, object]:
    return {"name": name, "level": "system", "duration": -1, "permissions": list(permissions)} | more


def make(client: httpx.Client, wanted: dict[str, object]) -> dict[str, object]:
    response = client.post("robots", json=wanted)
    assert response.status_code == 201, response.text
    made: dict[str, object] = response.json()
    assert response.headers["location"] == f"/api/v2.0/robots/{made['id']}"
    return made


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [robot["name"] for robot in response.json()]


def as_robot(registry: Registry, made: Mapping[str, object]) -> httpx.Client:
    client = registry.client(str(made["name"]), str(made["secret"]))
    client.base_url = httpx.URL(f"{registry.url}/api/v2.0/")
    return client


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_robot_of_a_project_is_made_by_its_administrator_and_pushes_there(api: Api, registry: Registry) -> None:
    made = make(api("pat"), body("ci", description="builds"))
    assert made["name"] == "robot$team+ci"
    assert set(made) == {"id", "name", "secret", "creation_time", "expires_at"}
    assert int(str(made["expires_at"])) == pytest.approx(time.time() + 30 * 86400, abs=600)
    found = api("pat").get(f"robots/{made['id']}").json()
    pat = registry.users.list()
    assert found == {
        "id": made["id"],
        "name": "robot$team+ci",
        "description": "builds",
        "level": "project",
        "duration": 30,
        "editable": True,
        "disable": False,
        "expires_at": made["expires_at"],
        "permissions": [permission(PUSH)],
        "creator_type": "local",
        "creator_ref": next(user.id for user in pat if user.name == "pat"),
        "creation_time": made["creation_time"],
        "update_time": made["creation_time"],
    }
    registry.push_image("team/by-robot", "1")
    robot = registry.client("robot$team+ci", str(made["secret"]))
    assert robot.post("/v2/team/by-robot/blobs/uploads/").status_code == 202
    assert robot.get("/v2/team/by-robot/tags/list").status_code == 200
    assert robot.post("/v2/other/x/blobs/uploads/").status_code == 403


def test_robot_of_the_system_manages_what_it_was_given(api: Api, registry: Registry) -> None:
    wanted = system("ops", permission({"resource": "project", "action": "create"}, namespace="/", kind="system"))
    made = make(api("admin"), wanted)
    assert (made["name"], made["expires_at"]) == ("robot$ops", -1)
    robot = as_robot(registry, made)
    assert robot.get("robots").status_code == 403
    assert api("pat").post("robots", json=wanted).status_code == 403
    assert api(None).post("robots", json=wanted).status_code == 401


def test_own_secret_is_taken_and_a_weak_one_refused(api: Api, registry: Registry) -> None:
    made = make(api("pat"), body("own", secret="Own-secret-17"))
    assert made["secret"] == "Own-secret-17"
    assert registry.client("robot$team+own", "Own-secret-17").get("/v2/").status_code == 200
    assert code(api("pat").post("robots", json=body("weak", secret="weak"))) == (400, "BAD_REQUEST")


def test_secret_is_renewed_or_replaced_and_the_old_one_is_void(api: Api, registry: Registry) -> None:
    made = make(api("pat"), body("renewed"))
    path, name = f"robots/{made['id']}", str(made["name"])
    renewed = api("pat").patch(path, json={"secret": ""})
    assert renewed.status_code == 200
    secret = renewed.json()["secret"]
    assert registry.client(name, str(made["secret"])).get("/v2/").status_code == 401
    assert registry.client(name, secret).get("/v2/").status_code == 200
    replaced = api("pat").patch(path, json={"secret": "Replaced-secret-1"})
    assert (replaced.status_code, replaced.json()) == (200, {})
    assert registry.client(name, secret).get("/v2/").status_code == 401
    assert registry.client(name, "Replaced-secret-1").get("/v2/").status_code == 200


def test_robot_is_changed_by_its_whole_name(api: Api, registry: Registry) -> None:
    made = make(api("pat"), body("changed"))
    path, client = f"robots/{made['id']}", api("pat")
    wanted = client.get(path).json() | {"duration": 5, "description": "other", "permissions": [permission(READ)]}
    assert code(client.put(path, json=wanted | {"name": "changed"})) == (400, "BAD_REQUEST")
    assert code(client.put(path, json=wanted | {"level": "system"})) == (400, "BAD_REQUEST")
    assert client.put(path, json=wanted).status_code == 200
    found = client.get(path).json()
    assert (found["description"], found["duration"], found["permissions"]) == ("other", 5, [permission(READ)])
    assert found["expires_at"] == int(str(made["expires_at"])) - 25 * 86400
    robot = registry.client(str(made["name"]), str(made["secret"]))
    assert robot.post("/v2/team/x/blobs/uploads/").status_code == 403
    assert client.put(path, json=wanted | {"disable": True}).status_code == 200
    assert robot.get("/v2/").status_code == 401


def test_robot_that_is_removed_is_gone(api: Api, registry: Registry) -> None:
    made = make(api("pat"), body("removed"))
    assert api("mia").delete(f"robots/{made['id']}").status_code == 403
    assert api("pat").delete(f"robots/{made['id']}").status_code == 200
    assert code(api("admin").get(f"robots/{made['id']}")) == (404, "NOT_FOUND")
    assert api("stan").get(f"robots/{made['id']}").status_code == 403
    assert registry.client(str(made["name"]), str(made["secret"])).get("/v2/").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        body("Upper"),
        body("a b"),
        body("x" * 256),
        body("zero", duration=0),
        body("negative", duration=-2),
        body("huge", duration=2**31),
        body("none", permissions=[]),
        body("level", level="galaxy"),
        body("empty", permissions=[permission()]),
        body("two", permissions=[permission(PUSH), permission(PUSH)]),
        body("kind", permissions=[permission(PUSH, kind="system")]),
        body("what", permissions=[permission({"resource": "repository", "action": "explode"})]),
        system("nowhere", permission(PUSH, namespace="none")),
        system("space", permission({"resource": "project", "action": "list"}, kind="system")),
        system("unknown", permission(PUSH, kind="galaxy")),
    ],
    ids=lambda wanted: str(wanted["name"])[:9],
)
def test_robot_that_cannot_be_is_refused(api: Api, wanted: dict[str, object]) -> None:
    assert code(api("admin").post("robots", json=wanted)) == (400, "BAD_REQUEST")


def test_body_of_another_shape_is_refused(api: Api) -> None:
    assert code(api("admin").post("robots", json=body("x", duration="long"))) == (422, "UNPROCESSABLE_ENTITY")
    assert code(api("admin").get("robots/x")) == (422, "UNPROCESSABLE_ENTITY")


def test_name_that_is_taken_is_refused_in_its_project_alone(api: Api) -> None:
    make(api("pat"), body("twin"))
    response = api("pat").post("robots", json=body("twin"))
    assert code(response) == (409, "CONFLICT")
    assert ":twin already exists" in response.json()["errors"][0]["message"]
    make(api("admin"), body("twin", permissions=[permission(PUSH, namespace="other")]))


def test_project_that_there_is_not_is_told_to_administrators_alone(api: Api) -> None:
    wanted = body("lost", permissions=[permission(PUSH, namespace="none")])
    assert api("admin").post("robots", json=wanted).status_code == 404
    assert api("pat").post("robots", json=wanted).status_code == 403


def test_lists_are_of_the_system_or_of_one_project(api: Api) -> None:
    for name in ("list-a", "list-b"):
        make(api("pat"), body(name))
        make(api("admin"), system(name, permission(READ, namespace="*")))
    team = api("admin").get("projects/team").json()["project_id"]
    of_team = f"q=Level=project,ProjectID={team},name=~list"
    for query in ("q=name=~list", "q=Level=system,name=~list"):
        assert names(api("admin").get(f"robots?{query}")) == ["robot$list-a", "robot$list-b"]
    assert names(api("mia").get(f"robots?{of_team}&sort=-name")) == ["robot$team+list-b", "robot$team+list-a"]
    encoded = f"q=Level%253Dproject%252CProjectID%253D{team}%252Cname%253Dteam%252Blist-a"
    assert names(api("pat").get(f"robots?{encoded}&page=0&page_size=0&sort=")) == ["robot$team+list-a"]
    assert api("pat").get("robots").status_code == 403
    assert api("stan").get(f"robots?{of_team}").status_code == 403
    assert code(api("admin").get("robots?q=Level=project")) == (400, "BAD_REQUEST")


def test_robot_makes_no_robot_that_may_do_more(api: Api, registry: Registry) -> None:
    grants = permission({"resource": "robot", "action": "create"}, READ)
    parent = as_robot(registry, make(api("pat"), body("parent", permissions=[grants])))
    child = make(parent, body("child", permissions=[permission(READ)]))
    found = api("pat").get(f"robots/{child['id']}").json()
    assert found["creator_type"] == "robot"
    refused = parent.post("robots", json=body("greedy"))
    assert code(refused) == (403, "DENIED")
    assert "more restrictive" in refused.json()["errors"][0]["message"]


def test_robot_without_a_length_of_life_gets_the_usual_one(api: Api) -> None:
    wanted = body("usual")
    del wanted["duration"]
    made = make(api("pat"), wanted)
    assert api("pat").get(f"robots/{made['id']}").json()["duration"] == 30


def test_what_robots_may_do_in_a_project_goes_with_it(api: Api) -> None:
    registry_wide = permission(READ, namespace="*")
    for name in ("passing", "lasting"):
        assert api("admin").post("projects", json={"project_name": name}).status_code == 201
    grants = [permission(READ, namespace=name) for name in ("passing", "lasting")]
    made = make(api("admin"), system("keeper", *grants, registry_wide))
    assert api("admin").delete("projects/passing").status_code == 200
    found = api("admin").get(f"robots/{made['id']}").json()
    assert found["permissions"] == [grants[1], registry_wide]


def test_robots_are_on_record(api: Api) -> None:
    made = make(api("pat"), body("recorded"))
    api("pat").patch(f"robots/{made['id']}", json={})
    api("pat").delete(f"robots/{made['id']}")
    found = api("pat").get("projects/team/logs?q=resource=robot$team%2brecorded&sort=op_time").json()
    assert [each["operation"] for each in found] == ["create", "update", "delete"]


def test_old_form_makes_lists_disables_and_removes_robots_of_a_project(api: Api, registry: Registry) -> None:
    client, team = api("pat"), api("pat").get("projects/team").json()["project_id"]
    access = [{"resource": f"/project/{team}/repository", "action": "push"}]
    wanted = {"name": "old", "expires_at": int(time.time()) + 86400, "access": access}
    response = client.post(f"projects/{team}/robots", json=wanted)
    made = response.json()
    assert (response.status_code, made["name"]) == (201, "robot$team+old")
    path = f"projects/{team}/robots/{made['id']}"
    assert response.headers["location"] == f"/api/v2.0/{path}"
    assert client.get(path).json()["permissions"] == [permission(PUSH)]
    assert client.get(path).json()["duration"] == 1
    assert "robot$team+old" in names(client.get(f"projects/{team}/robots?page_size=0"))
    assert client.put(path, json={"disable": True}).status_code == 200
    assert registry.client("robot$team+old", made["secret"]).get("/v2/").status_code == 401
    assert api("admin").get(f"projects/open/robots/{made['id']}").status_code == 404
    assert client.delete(path).status_code == 200
    assert code(client.post(f"projects/{team}/robots", json=wanted | {"expires_at": 1})) == (400, "BAD_REQUEST")
    lasting = client.post(f"projects/{team}/robots", json=wanted | {"name": "lasting", "expires_at": -1}).json()
    assert lasting["expires_at"] == -1
