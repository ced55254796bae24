"""Projects, as Harbor's clients list, make, look at and remove them."""

import httpx
import pytest

from tests.api.conftest import Api, changed_settings
from tests.http.serving import Registry


def make(api: Api, *names: str, user: str = "admin", **metadata: str) -> None:
    for name in names:
        body = {"project_name": name, "metadata": metadata}
        assert api(user).post("projects", json=body).status_code == 201


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [project["name"] for project in response.json()]


def test_project_is_made_at_an_address_without_a_host(api: Api) -> None:
    response = api("dev").post("projects", json={"project_name": "made", "metadata": {"public": "true"}})
    assert (response.status_code, response.content) == (201, b"")
    found = api("dev").get(response.headers["location"].removeprefix("/api/v2.0/")).json()
    assert response.headers["location"] == f"/api/v2.0/projects/{found['project_id']}"
    assert found["name"] == "made"
    assert found["metadata"] == {"public": "true"}
    assert (found["owner_name"], found["current_user_role_id"], found["current_user_role_ids"]) == ("dev", 1, [1])
    assert found["repo_count"] == 0
    assert "registry_id" not in found
    assert found["creation_time"].endswith("Z")


def test_client_that_asks_for_it_gets_the_name_in_the_address(api: Api) -> None:
    response = api("dev").post(
        "projects", json={"project_name": "named"}, headers={"X-Resource-Name-In-Location": "true"}
    )
    assert response.headers["location"] == "/api/v2.0/projects/named"


@pytest.mark.parametrize(("name", "status", "code"), [("Bad_Name", 400, "BAD_REQUEST"), ("team", 409, "CONFLICT")])
def test_project_with_a_bad_or_a_taken_name_is_refused(api: Api, name: str, status: int, code: str) -> None:
    response = api("admin").post("projects", json={"project_name": name})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("user", "project", "status"),
    [
        (None, "open", 200),
        (None, "team", 401),
        (None, "none", 401),
        ("stan", "open", 200),
        ("stan", "team", 403),
        ("stan", "none", 403),
        ("lim", "team", 200),
        ("admin", "team", 200),
        ("admin", "none", 404),
    ],
)
def test_who_may_not_see_a_project_does_not_learn_whether_it_exists(
    api: Api, user: str | None, project: str, status: int
) -> None:
    assert api(user).get(f"projects/{project}").status_code == status


def test_number_in_an_address_is_a_number_unless_a_header_says_that_it_is_a_name(api: Api) -> None:
    make(api, "2026")
    team = api("admin").get("projects/team").json()["project_id"]
    assert api("admin").get(f"projects/{team}").json()["name"] == "team"
    assert api("admin").get("projects/2026").status_code == 404
    by_name = api("admin").get("projects/2026", headers={"X-Is-Resource-Name": "true"})
    assert by_name.json()["name"] == "2026"


@pytest.mark.parametrize(
    "path", ["projects/?project_name=team", "projects?project_name=team", "/projects//?project_name=team"]
)
def test_head_tells_every_account_whether_a_project_exists(api: Api, path: str) -> None:
    assert api("stan").head(path).status_code == 200
    assert api("stan").head("projects?project_name=none").status_code == 404
    assert api(None).head(path).status_code == 401


def test_lists_show_what_somebody_may_see(api: Api) -> None:
    assert names(api(None).get("projects?page_size=0&name=open")) == ["open"]
    assert "team" in names(api("gus").get("projects?page_size=0"))
    assert "team" not in names(api("stan").get("projects?page_size=0"))
    assert {"team", "other", "open"} <= set(names(api("admin").get("projects?page_size=0")))


def test_list_of_25_comes_in_three_pages_that_link_to_each_other(api: Api) -> None:
    make(api, *(f"page{number:02}" for number in range(25)))
    client, query = api("admin"), "q=name%3D~page"
    first = client.get(f"projects?{query}&page=1&page_size=10")
    assert (len(first.json()), first.headers["x-total-count"]) == (10, "25")
    assert first.headers["link"] == '</api/v2.0/projects?q=name=~page&page=2&page_size=10>; rel="next"'
    second = client.get(f"projects?{query}&page=2&page_size=10")
    assert second.headers["link"] == (
        '</api/v2.0/projects?q=name=~page&page=1&page_size=10>; rel="prev" , '
        '</api/v2.0/projects?q=name=~page&page=3&page_size=10>; rel="next"'
    )
    third = client.get(f"projects?{query}&page=3&page_size=10")
    assert names(third) == [f"page{number}" for number in range(20, 25)]
    assert third.headers["link"] == '</api/v2.0/projects?q=name=~page&page=2&page_size=10>; rel="prev"'
    past = client.get(f"projects?{query}&page=99&page_size=10")
    assert (past.json(), past.headers["x-total-count"]) == ([], "25")
    every = client.get(f"projects?{query}&page_size=0")
    assert len(every.json()) == 25
    assert "link" not in every.headers


@pytest.mark.parametrize("value", ["%F1%9C%A2%8A%1DB", "%0D%0AX-Injected:%20yes", "%3E;%20rel=%22next%22", "%FF"])
def test_links_hold_whatever_the_query_has(api: Api, value: str) -> None:
    response = api("admin").get(f"projects?made-up={value}&page_size=1")
    assert (response.status_code, response.headers["link"].count(">")) == (200, 1)
    assert "x-injected" not in response.headers
    assert api("admin").get(response.links["next"]["url"].removeprefix("/api/v2.0/")).status_code == 200


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=name%3D~zeb", ["zebra-a", "zebra-b"]),
        ("q=name=~ZEB,public=true", ["zebra-b"]),
        ("q=name%253D~zeb%252Cpublic%253Dfalse", ["zebra-a"]),
        ("q=name={zebra-a zebra-b}&sort=-name", ["zebra-b", "zebra-a"]),
        ("name=zebra&sort=-creation_time", ["zebra-b", "zebra-a"]),
        ("name=zebra&public=true", ["zebra-b"]),
        ("name=zebra&owner=dev", ["zebra-a"]),
        ("q=name=~zebra,creation_time=[~2001-01-01]", []),
        ("q=name=~zebra,creation_time=[2001-01-01~]", ["zebra-a", "zebra-b"]),
        ("q=name=~zebra,Unknown=1&sort=unknown&page=0&page_size=0", ["zebra-a", "zebra-b"]),
        ("q=name=zebra-a&sort=", ["zebra-a"]),
    ],
)
def test_lists_are_filtered_and_sorted(api: Api, query: str, expected: list[str]) -> None:
    if api("admin").head("projects?project_name=zebra-a").status_code == 404:
        make(api, "zebra-a", user="dev")
        make(api, "zebra-b", public="true")
    assert names(api("admin").get(f"projects?{query}")) == expected


@pytest.mark.parametrize(
    "query", ["q=x", "q==x", "q=name=", "q=project_id=x", "q=public=maybe", "page=x", "q=name=[a]"]
)
def test_query_that_cannot_be_read_is_refused(api: Api, query: str) -> None:
    response = api("admin").get(f"projects?{query}")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "BAD_REQUEST")


def test_project_is_removed_when_it_is_empty_by_those_who_run_it(api: Api, registry: Registry) -> None:
    make(api, "gone", user="dev")
    registry.push_image("gone/app", "1")
    assert api("stan").delete("projects/gone").status_code == 403
    refused = api("dev").delete("projects/gone")
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (
        412,
        "the project contains repositories, can not be deleted",
    )
    digest = registry.client("admin").head("/v2/gone/app/manifests/1").headers["docker-content-digest"]
    assert registry.client("admin").delete(f"/v2/gone/app/manifests/{digest}").status_code == 202
    assert api("dev").delete("projects/gone").status_code == 412
    assert api("dev").delete("projects/gone/repositories/app").status_code == 200
    assert api("dev").delete("projects/gone").status_code == 200
    assert api("admin").get("projects/gone").status_code == 404


def test_token_for_repositories_does_not_manage(api: Api, registry: Registry) -> None:
    response = registry.bearer(registry.token("admin", "repository:team/app:pull")).get("/api/v2.0/projects")
    assert response.status_code == 401


def test_wrong_password_is_refused_also_where_nobody_needs_one(registry: Registry) -> None:
    assert registry.client("admin", "Wrong-horse1").get("/api/v2.0/projects").status_code == 401


def test_version_and_ping_are_for_everybody(api: Api, registry: Registry) -> None:
    assert registry.client().get("/api/version").json() == {"version": "v2.0"}
    ping = api(None).get("ping")
    assert (ping.text, ping.headers["content-type"]) == ("Pong", "text/plain; charset=utf-8")


def test_address_or_method_that_there_is_not_is_told_in_the_form_of_the_api(api: Api) -> None:
    missing, wrong = api("admin").get("nothing/here"), api("admin").patch("projects")
    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"project_name":"x","project_name":"y"}', b"\xff"])
def test_body_that_is_no_sound_json_object_is_refused(api: Api, body: bytes) -> None:
    assert api("admin").post("projects", content=body).status_code == 400


def test_body_that_is_too_large_is_refused(api: Api) -> None:
    assert api("admin").post("projects", content=b" " * (1024 * 1024 + 1)).status_code == 413


def test_answers_set_no_cookie_and_are_not_kept(api: Api) -> None:
    response = api("admin").get("projects")
    assert "set-cookie" not in response.headers
    assert response.headers["cache-control"] == "no-store"


def test_project_is_made_with_its_settings_quota_and_allowlist(api: Api) -> None:
    body = {
        "project_name": "full",
        "metadata": {"public": "T", "severity": "HIGH", "auto_scan": "true", "retention_id": "7", "unknown": "x"},
        "storage_limit": 5000,
        "registry_id": None,
        "cve_allowlist": {"items": [{"cve_id": "CVE-2026-2"}], "expires_at": 1_900_000_000},
    }
    assert api("admin").post("projects", json=body).status_code == 201
    found = api("admin").get("projects/full").json()
    assert found["metadata"] == {"public": "true", "severity": "high", "auto_scan": "true"}
    assert found["cve_allowlist"]["items"] == [{"cve_id": "CVE-2026-2"}]
    assert api("admin").get("projects/full/summary").json()["quota"]["hard"] == {"storage": 5000}


@pytest.mark.parametrize(
    "wrong",
    [
        {"storage_limit": 0},
        {"storage_limit": -2},
        {"metadata": {"public": "maybe"}},
        {"metadata": {"severity": "awful"}},
        {"metadata": {"proxy_speed_kb": "fast"}},
        {"registry_id": 3},
        {"cve_allowlist": {"items": [{"cve_id": ""}]}},
    ],
)
def test_project_with_a_value_that_it_cannot_have_is_refused(api: Api, wrong: dict[str, object]) -> None:
    response = api("admin").post("projects", json={"project_name": "wrong", **wrong})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "BAD_REQUEST")
    assert api("admin").get("projects/wrong").status_code == 404


def test_only_who_may_change_quotas_chooses_one(api: Api) -> None:
    with changed_settings(api, storage_per_project=7000):
        for user, name, expected in (("dev", "modest", 7000), ("admin", "greedy", -1)):
            assert api(user).post("projects", json={"project_name": name, "storage_limit": -1}).status_code == 201
            assert api(user).get(f"projects/{name}/summary").json()["quota"]["hard"]["storage"] == expected


def test_making_projects_can_be_kept_to_administrators(api: Api) -> None:
    with changed_settings(api, project_creation_restriction="adminonly"):
        response = api("dev").post("projects", json={"project_name": "mine"})
        assert (response.status_code, response.json()["errors"][0]["message"]) == (
            403,
            "Only system admin can create project",
        )
        assert api("admin").post("projects", json={"project_name": "mine"}).status_code == 201


def test_robot_makes_projects_with_the_permission_and_the_first_administrator_owns_them(
    api: Api, registry: Registry
) -> None:
    for name, permissions in {
        "maker": [{"kind": "system", "namespace": "/", "access": [{"resource": "project", "action": "create"}]}],
        "idler": [{"kind": "project", "namespace": "*", "access": [{"resource": "project", "action": "read"}]}],
    }.items():
        wish = {"name": name, "level": "system", "duration": -1, "permissions": permissions}
        robot = api("admin").post("robots", json=wish).json()
        client = registry.client(robot["name"], robot["secret"])
        response = client.post("/api/v2.0/projects", json={"project_name": f"by-{name}"})
        assert response.status_code == (201 if name == "maker" else 403)
    assert api("admin").get("projects/by-maker").json()["owner_name"] == "admin"


def test_settings_of_a_project_are_changed_and_its_quota_is_not(api: Api) -> None:
    make(api, "tuned", user="dev", severity="low")
    body = {"metadata": {"public": "true", "prevent_vul": "1"}, "storage_limit": 5, "project_name": "other"}
    assert api("stan").put("projects/tuned", json=body).status_code == 403
    assert api("dev").put("projects/tuned", json=body).status_code == 200
    assert api("dev").put("projects/tuned", json={"cve_allowlist": {"items": [{"cve_id": "CVE-1"}]}}).status_code == 200
    found = api("dev").get("projects/tuned").json()
    assert found["metadata"] == {"public": "true", "severity": "low", "prevent_vul": "true"}
    assert found["cve_allowlist"]["items"] == [{"cve_id": "CVE-1"}]
    assert found["update_time"] >= found["creation_time"]
    assert api("dev").get("projects/tuned/summary").json()["quota"]["hard"]["storage"] == -1


def test_metadata_is_added_changed_and_removed_one_by_one(api: Api) -> None:
    make(api, "meta", user="dev")
    client, path = api("dev"), "projects/meta/metadatas"
    assert api("admin").get(f"{path}/").json() == {"public": "false"}
    assert client.get(f"{path}/").status_code == 403  # no role lists them
    assert client.post(f"{path}/", json={"auto_scan": "t"}).status_code == 200
    assert client.post(f"{path}/", json={"auto_scan": "t"}).status_code == 409
    assert client.get(f"{path}/auto_scan").json() == {"auto_scan": "true"}
    assert client.put(f"{path}/auto_scan", json={"auto_scan": "false"}).status_code == 200
    assert client.put(f"{path}/public", json={"public": "true"}).status_code == 200
    assert api("stan").get("projects/meta").json()["metadata"] == {"public": "true", "auto_scan": "false"}
    assert client.delete(f"{path}/auto_scan").status_code == 200
    assert client.get(f"{path}/auto_scan").status_code == 404
    assert client.delete(f"{path}/public").status_code == 200
    assert api("stan").get("projects/meta").status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("metadatas/", {}),
        ("metadatas/", {"auto_scan": "true", "severity": "low"}),
        ("metadatas/", {"unknown": "true"}),
        ("metadatas/", {"severity": "awful"}),
    ],
)
def test_metadata_that_there_is_not_is_refused(api: Api, path: str, body: dict[str, str]) -> None:
    assert api("pat").post(f"projects/team/{path}", json=body).status_code == 400


def test_metadata_in_the_body_is_that_of_the_address(api: Api) -> None:
    assert api("pat").put("projects/team/metadatas/public", json={"severity": "low"}).status_code == 400
    assert api("pat").put("projects/team/metadatas/severity", json={"severity": "low"}).status_code == 404


def test_project_tells_whether_it_can_be_deleted(api: Api, registry: Registry) -> None:
    make(api, "maybe")
    assert api("admin").get("projects/maybe/_deletable").json() == {"deletable": True}
    registry.push_image("maybe/app", "1")
    assert api("admin").get("projects/maybe/_deletable").json() == {
        "message": "the project contains repositories, can not be deleted"
    }
    assert api("gus").get("projects/team/_deletable").status_code == 403


def test_summary_tells_of_members_and_quota_to_those_who_may_know(api: Api) -> None:
    whole = api("gus").get("projects/team/summary").json()
    counts = {name: whole[name] for name in whole if name.endswith("_count")}
    assert counts == {
        "repo_count": 0,
        "project_admin_count": 1,
        "maintainer_count": 1,
        "developer_count": 1,
        "guest_count": 1,
        "limited_guest_count": 1,
    }
    assert whole["quota"]["used"] == {"storage": 0}
    assert api(None).get("projects/open/summary").json() == {"repo_count": 0}


def test_what_is_done_to_projects_is_on_record(api: Api) -> None:
    make(api, "noted")
    api("admin").put("projects/noted", json={"metadata": {"public": "true"}})
    api("admin").delete("projects/noted")
    logs = api("admin").get("audit-logs?q=resource=noted,resource_type=project").json()
    assert [entry["operation"] for entry in logs] == ["delete", "update", "create"]
