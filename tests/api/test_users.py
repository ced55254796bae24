"""People, as Harbor's clients add, find and change them, and as they change themselves."""

import httpx
import pytest

from auth.secrets import generate_token, hash_secret
from storage.metadata import access_tokens, robots
from storage.metadata import users as user_rows
from tests.api.conftest import Api
from tests.http.serving import PASSWORD, Registry
from tests.storage.metadata.databases import robot_row

OTHER = "Other-horse2"


def body(name: str, **other: str) -> dict[str, object]:
    return {
        "username": name,
        "password": PASSWORD,
        "email": f"{name}@example.com",
        "realname": name.title(),
        **other,
    }


def make(api: Api, name: str, **other: str) -> str:
    """The path of a new account."""
    response = api("admin").post("users", json=body(name, **other))
    assert (response.status_code, response.content) == (201, b""), response.text
    return response.headers["location"].removeprefix("/api/v2.0/")


def number(api: Api, name: str) -> int:
    current: int = api(name).get("users/current").json()["user_id"]
    return current


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_account_that_an_administrator_makes_is_shown_in_harbors_form(api: Api) -> None:
    path = make(api, "ann", comment="new", unknown="field")
    user = api("admin").get(path).json()
    assert path == f"users/{user['user_id']}"
    assert user.pop("creation_time") == user.pop("update_time")
    assert user == {
        "user_id": user["user_id"],
        "username": "ann",
        "email": "ann@example.com",
        "realname": "Ann",
        "comment": "new",
        "sysadmin_flag": False,
        "admin_role_in_auth": False,
    }
    assert api("ann").get("users/current").json()["username"] == "ann"


def test_account_is_signed_in_to_by_its_address_too(api: Api) -> None:
    make(api, "adr")
    assert api("adr@example.com").get("users/current").json()["username"] == "adr"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("dup", {"email": "new@example.com"}),
        ("new", {"email": "dup@example.com"}),
        ("dup@example.com", {"email": "new@example.com"}),
    ],
)
def test_name_or_address_that_somebody_has_is_a_conflict(api: Api, name: str, other: dict[str, str]) -> None:
    if not api("admin").get("users?username=dup").json():
        make(api, "dup")
    assert code(api("admin").post("users", json=body(name, **other))) == (409, "CONFLICT")


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "a,b"},
        {"username": ""},
        {"password": "weak"},
        {"email": "nobody"},
        {"email": "a b@example.com"},
        {"email": "a@localhost"},
        {"realname": ""},
        {"realname": "a~b"},
        {"comment": "x" * 31},
    ],
)
def test_account_that_breaks_a_rule_is_refused(api: Api, wrong: dict[str, str]) -> None:
    assert code(api("admin").post("users", json={**body("rule"), **wrong})) == (400, "BAD_REQUEST")


def test_only_those_who_may_add_accounts_do(api: Api) -> None:
    assert api("stan").post("users", json=body("never")).status_code == 403
    assert api(None).post("users", json=body("never")).status_code == 401


def test_list_is_for_administrators_and_leaves_the_first_one_out(api: Api) -> None:
    assert api("stan").get("users").status_code == 403
    assert api(None).get("users").status_code == 401
    response = api("admin").get("users?page=0&page_size=0&q=&sort=")
    names = [user["username"] for user in response.json()]
    assert "admin" not in names
    assert names == sorted(names)
    assert response.headers["x-total-count"] == str(len(names))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("username=GU", ["gus"]),
        ("q=username=gus", ["gus"]),
        ("q=username=~us,sysadmin_flag=true", []),
        ("q=username={gus lim}&sort=-username", ["lim", "gus"]),
    ],
)
def test_list_is_filtered_and_sorted(api: Api, query: str, expected: list[str]) -> None:
    assert [user["username"] for user in api("admin").get(f"users?{query}").json()] == expected


def test_everybody_with_an_account_finds_people_by_a_part_of_the_name(api: Api) -> None:
    assert api("stan").get("users/search?username=gu").json() == [{"user_id": number(api, "gus"), "username": "gus"}]
    assert api("stan").get("users/search").status_code == 400
    assert api(None).get("users/search?username=gu").status_code == 401


def test_people_see_and_change_themselves_and_nobody_else(api: Api) -> None:
    mine, other = make(api, "self"), make(api, "someone")
    assert api("self").get(mine).status_code == 200
    change = {"email": "me@example.com", "realname": "Me", "comment": ""}
    assert api("self").put(mine, json=change).status_code == 200
    assert api("self").get(mine).json()["realname"] == "Me"
    for method in ("GET", "PUT"):
        assert api("self").request(method, other, json=change).status_code == 403
    assert api("self").put(mine, json={**change, "email": "someone@example.com"}).status_code == 409
    assert api("self").put(mine, json={**change, "email": "someone"}).status_code == 400
    assert api("self").delete(mine).status_code == 403


def test_administrator_is_made_and_unmade(api: Api) -> None:
    path = make(api, "root")
    assert api("root").put(f"{path}/sysadmin", json={"sysadmin_flag": True}).status_code == 403
    assert api("admin").put(f"{path}/sysadmin", json={"sysadmin_flag": True}).status_code == 200
    assert api("root").get("users/current").json()["sysadmin_flag"] is True
    assert api("root").get("users").status_code == 200
    assert api("admin").put(f"{path}/sysadmin", json={"sysadmin_flag": False}).status_code == 200
    assert api("root").get("users").status_code == 403


def test_last_administrator_stays_one_and_stays(api: Api) -> None:
    path = f"users/{number(api, 'admin')}"
    assert code(api("admin").put(f"{path}/sysadmin", json={"sysadmin_flag": False})) == (403, "DENIED")
    assert code(api("admin").delete(path)) == (403, "DENIED")


def test_own_password_is_changed_with_the_old_one(api: Api, registry: Registry) -> None:
    path = make(api, "pass")
    client = api("pass")
    wrong = client.put(f"{path}/password", json={"old_password": "Wrong-horse1", "new_password": OTHER})
    assert (wrong.status_code, wrong.json()["errors"][0]["message"]) == (403, "Current password is incorrect")
    same = client.put(f"{path}/password", json={"old_password": PASSWORD, "new_password": PASSWORD})
    assert (same.status_code, same.json()["errors"][0]["message"]) == (
        400,
        "New password is identical to old password",
    )
    right = client.put(f"{path}/password", json={"old_password": PASSWORD, "new_password": OTHER})
    assert right.status_code == 200
    assert registry.client("pass", OTHER).get("/api/v2.0/users/current").status_code == 200
    assert client.get("users/current").status_code == 401


def test_administrator_sets_the_password_of_others_without_the_old_one(api: Api, registry: Registry) -> None:
    path = make(api, "lost")
    assert api("stan").put(f"{path}/password", json={"new_password": OTHER}).status_code == 403
    assert api("admin").put(f"{path}/password", json={"new_password": "weak"}).status_code == 400
    assert api("admin").put(f"{path}/password", json={"new_password": OTHER}).status_code == 200
    assert registry.client("lost", OTHER).get("/api/v2.0/users/current").status_code == 200


def test_account_that_is_deleted_leaves_its_name_free(api: Api) -> None:
    path = make(api, "gone")
    assert api("admin").delete(path).status_code == 200
    assert api("admin").get(path).status_code == 404
    assert make(api, "gone") != path


@pytest.mark.parametrize("path", ["users/999999", "users/999999/sysadmin", "users/999999/password"])
def test_account_that_there_is_not_is_404(api: Api, path: str) -> None:
    content = {"sysadmin_flag": True, "new_password": OTHER, "email": "x@example.com", "realname": "x"}
    assert api("admin").put(path, json=content).status_code == 404


def test_number_of_an_account_that_is_none_is_refused(api: Api) -> None:
    assert code(api("admin").get("users/none")) == (422, "UNPROCESSABLE_ENTITY")


def test_secret_for_the_command_line_is_for_accounts_without_a_password(api: Api) -> None:
    path = f"users/{number(api, 'stan')}/cli_secret"
    assert code(api("stan").put(path, json={"secret": OTHER})) == (412, "PRECONDITION")


def test_nobody_and_robots_are_no_current_user(api: Api, registry: Registry) -> None:
    with registry.database.write() as tx:
        robots.add(tx, robot_row(secret_hash=hash_secret("Secret-123")))
    assert api(None).get("users/current").status_code == 401
    response = registry.client("robot$ci", "Secret-123").get("/api/v2.0/users/current")
    assert code(response) == (412, "PRECONDITION")


def test_program_with_a_token_sees_its_account_and_does_not_change_it(api: Api, registry: Registry) -> None:
    secret, user_id = generate_token(), number(api, "gus")
    with registry.database.write() as tx:
        values = {"user_id": user_id, "name": "ci", "secret_hash": hash_secret(secret), "permissions": None}
        access_tokens.add(tx, {**values, "created_at": 1, "expires_at": None, "used_at": None})
    client = registry.client("gus", secret)
    assert client.get("/api/v2.0/users/current").json()["user_id"] == user_id
    assert client.get(f"/api/v2.0/users/{user_id}").status_code == 200
    change = {"email": "gus@example.com", "realname": "Gus"}
    assert client.put(f"/api/v2.0/users/{user_id}", json=change).status_code == 403
    passwords = {"old_password": secret, "new_password": OTHER}
    assert client.put(f"/api/v2.0/users/{user_id}/password", json=passwords).status_code == 403
    assert api("gus").put(f"users/{user_id}/password", json=passwords).status_code == 403


def test_permissions_in_a_project_are_those_of_the_role(api: Api) -> None:
    team = api("admin").get("projects/team").json()["project_id"]

    def granted(user: str, query: str) -> set[tuple[str, str]]:
        found = api(user).get(f"users/current/permissions?{query}").json()
        return {(each["resource"], each["action"]) for each in found}

    relative = granted("dev", f"scope=/project/{team}&relative=true")
    assert {("repository", "push"), (".", "read"), ("member", "list")} <= relative
    assert ("repository", "delete") not in relative
    assert (f"/project/{team}/repository", "push") in granted("dev", f"scope=/project/{team}")
    assert (f"/project/{team}", "read") in granted("dev", f"scope=/project/{team}")
    assert granted("stan", f"scope=/project/{team}") == set()
    assert granted("stan", "") == set()
    assert ("/system/user", "create") in granted("admin", "")


def test_what_is_done_to_accounts_is_on_record(api: Api) -> None:
    path = make(api, "noted")
    api("admin").put(f"{path}/sysadmin", json={"sysadmin_flag": True})
    api("admin").delete(path)
    logs = api("admin").get("audit-logs?q=resource=noted,resource_type=user").json()
    assert [entry["operation"] for entry in logs] == ["delete", "update", "create"]
    assert {entry["username"] for entry in logs} == {"admin"}


def test_account_of_another_source_is_given_a_secret_by_itself(api: Api, registry: Registry) -> None:
    with registry.database.write() as tx:
        user = user_rows.add(tx, "far", "", is_admin=False, now=1, source="oidc", external_id="issuer far")
    path = f"users/{user.id}/cli_secret"
    assert api("admin").put(path, json={"secret": "weak"}).status_code == 400
    assert api("admin").put(path, json={"secret": OTHER}).status_code == 200
    assert registry.client("far", OTHER).get("/api/v2.0/users/current").json()["username"] == "far"
