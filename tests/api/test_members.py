"""Members of projects and groups of people, as Harbor's clients manage them."""

import pytest

from storage.metadata import groups
from tests.api.conftest import Api
from tests.http.serving import Registry

TEAM = "projects/team/members"


def made(api: Api, path: str, body: object, user: str = "admin") -> str:
    """Where something was made."""
    response = api(user).post(path, json=body)
    assert (response.status_code, response.content) == (201, b""), response.text
    location: str = response.headers["location"]
    return location.removeprefix("/api/v2.0/")


def test_members_are_listed_by_name_with_their_roles(api: Api) -> None:
    found = api("gus").get(TEAM).json()
    assert [(each["entity_name"], each["role_name"], each["role_id"]) for each in found][:5] == [
        ("dev", "developer", 2),
        ("gus", "guest", 3),
        ("lim", "limitedGuest", 5),
        ("mia", "maintainer", 4),
        ("pat", "projectAdmin", 1),
    ]
    assert {each["entity_type"] for each in found} == {"u"}
    [only] = api("gus").get(f"{TEAM}?entityname=gus").json()
    assert only.keys() == {"id", "project_id", "entity_name", "role_name", "role_id", "entity_id", "entity_type"}
    assert api("lim").get(TEAM).status_code == 403


def test_user_becomes_a_member_by_name_or_by_number_gets_another_role_and_is_one_no_more(api: Api) -> None:
    stan = api("stan").get("users/current").json()["user_id"]
    for who in ({"username": "stan"}, {"user_id": stan}):
        path = made(api, TEAM, {"role_id": 3, "member_user": who}, "pat")
        assert path.startswith(f"{TEAM}/")
        assert api("stan").get("projects/team").json()["current_user_role_id"] == 3
        assert api("pat").put(path, json={"role_id": 2}).status_code == 200
        assert api("pat").get(path).json()["role_name"] == "developer"
        assert api("pat").delete(path).status_code == 200
        assert api("stan").get("projects/team").status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role_id": 2, "member_user": {"username": "gus"}}, 409),
        ({"role_id": 2, "member_user": {"username": "nobody"}}, 404),
        ({"role_id": 2, "member_user": {"user_id": 99999}}, 404),
        ({"role_id": 9, "member_user": {"username": "stan"}}, 400),
        ({"role_id": 2}, 400),
        ({"role_id": 2, "member_group": {}}, 400),
        ({"role_id": 2, "member_group": {"id": 99999}}, 404),
        ({"role_id": 2, "member_group": {"group_name": "x", "group_type": 1}}, 400),
        ({"role_id": "two"}, 422),
    ],
)
def test_member_that_cannot_be_is_refused(api: Api, body: dict[str, object], status: int) -> None:
    assert api("admin").post(TEAM, json=body).status_code == status


def test_members_are_managed_by_project_administrators_and_each_in_its_own_project(api: Api) -> None:
    path = made(api, "projects/other/members", {"role_id": 3, "member_user": {"username": "gus"}})
    number = path.rpartition("/")[2]
    assert api("mia").post(TEAM, json={"role_id": 3, "member_user": {"username": "stan"}}).status_code == 403
    for method in ("GET", "PUT", "DELETE"):
        assert api("pat").request(method, f"{TEAM}/{number}", json={"role_id": 1}).status_code == 404
    assert api("pat").get(f"{TEAM}/x").status_code == 422
    assert api("admin").delete(path).status_code == 200


def test_address_of_a_member_has_the_project_as_it_was_given(api: Api) -> None:
    number = api("admin").get("projects/other").json()["project_id"]
    path = made(api, f"projects/{number}/members", {"role_id": 3, "member_user": {"username": "lim"}})
    assert path.startswith(f"projects/{number}/members/")


def test_group_gives_its_role_to_whoever_is_in_it(api: Api, registry: Registry) -> None:
    path = made(api, TEAM, {"role_id": 2, "member_group": {"group_name": "crew", "group_type": 3}})
    member = api("admin").get(path).json()
    assert (member["entity_name"], member["entity_type"]) == ("crew", "g")
    user_id = api("stan").get("users/current").json()["user_id"]
    with registry.database.write() as tx:
        groups.put_user(tx, user_id, [member["entity_id"]])
    assert api("stan").get("projects/team").json()["current_user_role_id"] == 2
    assert made_twice(api, {"role_id": 2, "member_group": {"id": member["entity_id"]}}) == 409
    assert api("admin").delete(f"usergroups/{member['entity_id']}").status_code == 200
    assert api("stan").get("projects/team").status_code == 403
    assert api("admin").get(path).status_code == 404


@pytest.mark.parametrize(
    "group",
    [
        {"group_name": "of-ldap", "group_type": 1, "ldap_group_dn": "CN=Of LDAP, dc=example"},
        {"group_name": "of-http", "group_type": 2},
        {"group_name": "of-oidc", "group_type": 3},
    ],
    ids=["ldap", "http", "oidc"],
)
def test_group_of_each_kind_is_a_member_and_known_again(api: Api, group: dict[str, object]) -> None:
    path = made(api, TEAM, {"role_id": 3, "member_group": group})
    member = api("admin").get(path).json()
    assert (member["entity_name"], member["entity_type"], member["role_id"]) == (group["group_name"], "g", 3)
    assert made_twice(api, {"role_id": 3, "member_group": group}) == 409
    if "ldap_group_dn" in group:
        respelt = {**group, "ldap_group_dn": "cn=of ldap,DC=Example"}
        assert made_twice(api, {"role_id": 3, "member_group": respelt}) == 409
        found = api("admin").get("usergroups", params={"ldap_group_dn": "cn=OF LDAP,dc=example"}).json()
        assert [each["ldap_group_dn"] for each in found] == [group["ldap_group_dn"]]
    api("admin").put(path, json={"role_id": 2})
    assert api("admin").get(path).json()["role_id"] == 2
    assert api("admin").delete(path).status_code == 200
    assert api("admin").delete(f"usergroups/{member['entity_id']}").status_code == 200


def made_twice(api: Api, body: object) -> int:
    return api("admin").post(TEAM, json=body).status_code


def test_groups_are_made_found_renamed_and_removed(api: Api) -> None:
    oidc = made(api, "usergroups", {"group_name": "oidc-crew", "group_type": 3})
    dn = "cn=crew,dc=example,dc=com"
    ldap = made(api, "usergroups", {"group_name": "ldap-crew", "group_type": 1, "ldap_group_dn": dn})
    assert api("admin").get(ldap).json() == {
        "id": int(ldap.rpartition("/")[2]),
        "group_name": "ldap-crew",
        "group_type": 1,
        "ldap_group_dn": dn,
    }
    names = [group["group_name"] for group in api("admin").get("usergroups").json()]
    assert names == ["ldap-crew", "oidc-crew"]
    assert [group["id"] for group in api("admin").get("usergroups", params={"ldap_group_dn": dn}).json()] == [
        int(ldap.rpartition("/")[2])
    ]
    assert [each["group_name"] for each in api("stan").get("usergroups/search?groupname=OIDC").json()] == ["oidc-crew"]
    assert api("stan").get("usergroups/search").status_code == 400
    assert api("admin").put(oidc, json={"group_name": "renamed"}).status_code == 200
    assert api("admin").get(oidc).json()["group_name"] == "renamed"
    assert api("admin").post("usergroups", json={"group_name": "renamed", "group_type": 3}).status_code == 409
    another = made(api, "usergroups", {"group_name": "another", "group_type": 3})
    assert api("admin").put(another, json={"group_name": "renamed"}).status_code == 409
    for path in (oidc, ldap, another):
        assert api("admin").delete(path).status_code == 200
        assert api("admin").get(path).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_name": "x", "group_type": 4},
        {"group_name": "", "group_type": 3},
        {"group_name": "x", "group_type": 1},
        {"group_name": "x", "group_type": 3, "ldap_group_dn": "cn=x"},
        {"group_name": "x\n", "group_type": 3},
    ],
)
def test_group_that_breaks_a_rule_is_refused(api: Api, wrong: dict[str, object]) -> None:
    assert api("admin").post("usergroups", json=wrong).status_code == 400


def test_groups_are_for_administrators(api: Api) -> None:
    assert api("pat").get("usergroups").status_code == 403
    assert api("pat").post("usergroups", json={"group_name": "x", "group_type": 3}).status_code == 403


def test_what_is_done_to_members_is_on_record(api: Api) -> None:
    path = made(api, "projects/open/members", {"role_id": 3, "member_user": {"username": "lim"}})
    api("admin").put(path, json={"role_id": 2})
    api("admin").delete(path)
    logs = api("admin").get("projects/open/logs?q=resource_type=member,resource=lim").json()
    assert [entry["operation"] for entry in logs] == ["delete", "update", "create"]
