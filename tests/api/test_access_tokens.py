"""Personal access tokens, as people make them for their programs and administrators take them away."""

import time
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.http.serving import PASSWORD, Registry

OWN = "users/current/tokens"
PULL = [{"kind": "project", "namespace": "team", "access": [{"resource": "repository", "action": "pull"}]}]


def make(api: Api, user: str, name: str, **other: object) -> dict[str, Any]:
    response = api(user).post(OWN, json={"name": name, **other})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/api/v2.0/{OWN}/{made['id']}"
    return made


def test_token_is_made_shown_once_and_used_in_place_of_the_password(api: Api, registry: Registry) -> None:
    made = make(api, "dev", "laptop")
    assert made["secret"].startswith("cove_")
    assert made["permissions"] is None
    assert 29 < (made["expires_at"] - time.time()) / 86_400 <= 30
    client = registry.client("dev", made["secret"])
    assert client.get("/api/v2.0/users/current").json()["username"] == "dev"
    assert client.get("/service/token").status_code == 200
    registry.push_image("team/byhand", "1")
    assert client.get("/v2/team/byhand/manifests/1").status_code == 200
    [listed] = [token for token in api("dev").get(OWN).json() if token["name"] == "laptop"]
    assert "secret" not in listed
    assert listed["last_used_time"] > "2020"


def test_token_does_what_it_says_and_no_more(api: Api, registry: Registry) -> None:
    registry.push_image("team/scoped", "1")
    made = make(api, "dev", "reader", permissions=PULL, duration=-1)
    assert made["expires_at"] == -1
    [permit] = made["permissions"]
    assert (permit["namespace"], permit["access"][0]["action"]) == ("team", "pull")
    client = registry.client("dev", made["secret"])
    assert client.get("/v2/team/scoped/manifests/1").status_code == 200
    assert client.post("/v2/team/scoped/blobs/uploads/").status_code == 403
    assert client.post("/api/v2.0/projects", json={"project_name": "no"}).status_code == 403


def test_token_never_does_more_than_its_account(api: Api, registry: Registry) -> None:
    push = [{"kind": "project", "namespace": "*", "access": [{"resource": "repository", "action": "push"}]}]
    made = make(api, "gus", "wisher", permissions=push)
    assert registry.client("gus", made["secret"]).post("/v2/team/x/blobs/uploads/").status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": " x"},
        {"name": "x\n"},
        {"duration": 0},
        {"duration": 40_000},
        {"permissions": []},
        {"permissions": [{"kind": "project", "namespace": "team", "access": []}]},
        {"permissions": [{**PULL[0], "kind": "other"}]},
        {"permissions": [{**PULL[0], "access": [{"resource": "repository", "action": "burn"}]}]},
    ],
)
def test_token_that_cannot_be_is_refused(api: Api, wrong: dict[str, object]) -> None:
    assert api("dev").post(OWN, json={"name": "wrong", **wrong}).status_code == 400


def test_name_that_a_token_has_is_a_conflict_for_its_owner_alone(api: Api) -> None:
    make(api, "dev", "same")
    make(api, "gus", "same")
    assert api("dev").post(OWN, json={"name": "same"}).status_code == 409


def test_number_of_tokens_is_limited(api: Api) -> None:
    for number in range(100):
        make(api, "lim", f"t{number}")
    assert api("lim").post(OWN, json={"name": "more"}).status_code == 409


def test_revoked_token_is_worthless_with_what_was_issued_for_it(api: Api, registry: Registry) -> None:
    made = make(api, "dev", "lost")
    token = registry.client("dev", made["secret"]).get("/service/token", params={"scope": "repository:team/x:push"})
    bearer = registry.bearer(token.json()["token"])
    assert bearer.post("/v2/team/x/blobs/uploads/").status_code == 202
    assert api("gus").delete(f"{OWN}/{made['id']}").status_code == 404
    assert api("dev").delete(f"{OWN}/{made['id']}").status_code == 200
    assert bearer.post("/v2/team/x/blobs/uploads/").status_code == 401
    assert registry.client("dev", made["secret"]).get("/v2/").status_code == 401
    assert registry.client("dev", PASSWORD).get("/v2/").status_code == 200


def test_program_with_a_token_makes_no_others_and_ends_at_most_itself(api: Api, registry: Registry) -> None:
    made, other = make(api, "dev", "program"), make(api, "dev", "other")
    client = registry.client("dev", made["secret"])
    path = f"/api/v2.0/{OWN}"
    assert client.post(path, json={"name": "child"}).status_code == 403
    assert client.delete(f"{path}/{other['id']}").status_code == 403
    assert client.delete("/api/v2.0/users/current/sessions/1").status_code == 403
    assert client.delete(f"{path}/{made['id']}").status_code == 200
    assert client.get(path).status_code == 401


def test_administrators_see_and_revoke_the_tokens_of_others(api: Api, registry: Registry) -> None:
    made = make(api, "mia", "seen")
    user_id = api("mia").get("users/current").json()["user_id"]
    assert api("pat").get(f"users/{user_id}/tokens").status_code == 403
    assert [token["name"] for token in api("admin").get(f"users/{user_id}/tokens").json()] == ["seen"]
    assert api("pat").delete(f"users/{user_id}/tokens/{made['id']}").status_code == 403
    assert api("admin").delete(f"users/{user_id}/tokens/{made['id']}").status_code == 200
    assert registry.client("mia", made["secret"]).get("/v2/").status_code == 401
    assert api("admin").get("users/999999/tokens").status_code == 404


def test_robot_has_no_tokens(api: Api, registry: Registry) -> None:
    wish = {"name": "none", "level": "project", "duration": -1, "permissions": PULL}
    robot = api("admin").post("robots", json=wish).json()
    assert registry.client(robot["name"], robot["secret"]).get(f"/api/v2.0/{OWN}").status_code == 412


def test_browsers_that_are_signed_in_are_seen_and_signed_out_from_elsewhere(api: Api, registry: Registry) -> None:
    browser = registry.client()
    code = browser.post("/c/login").headers["x-harbor-csrf-token"]
    form = {"principal": "stan", "password": PASSWORD}
    assert browser.post("/c/login", data=form, headers={"X-Harbor-CSRF-Token": code}).status_code == 200
    [session] = browser.get("/api/v2.0/users/current/sessions").json()
    assert session["current"] is True
    assert session["address"] == "127.0.0.1"
    user_id = api("stan").get("users/current").json()["user_id"]
    assert "current" not in api("admin").get(f"users/{user_id}/sessions").json()[0]
    assert api("gus").delete(f"users/current/sessions/{session['id']}").status_code == 404
    assert api("stan").delete(f"users/current/sessions/{session['id']}").status_code == 200
    assert browser.get("/api/v2.0/users/current").status_code == 401
    assert api("admin").delete(f"users/{user_id}/sessions/{session['id']}").status_code == 404


def test_what_is_done_to_tokens_is_on_record_without_secrets(api: Api) -> None:
    made = make(api, "pat", "noted")
    api("pat").delete(f"{OWN}/{made['id']}")
    found = api("admin").get("auditlog-exts?q=resource=noted").json()
    assert [entry["operation_description"] for entry in found] == [
        "delete access token: noted of user pat",
        "create access token: noted of user pat",
    ]
    assert made["secret"] not in api("admin").get("auditlog-exts?page_size=100").text
