"""What clients ask of the registry as a whole."""

import re

import pytest

from registry.core.allowlists import Allowlist
from storage.blobs import StoreUnavailable
from storage.disk import DiskStore
from tests.api.conftest import Api
from tests.http.serving import Registry


def test_system_info_tells_anybody_how_to_sign_in_and_accounts_the_rest(api: Api, registry: Registry) -> None:
    nobody, somebody = api(None).get("systeminfo").json(), api("stan").get("systeminfo").json()
    assert nobody == {
        "auth_mode": "db_auth",
        "primary_auth_mode": False,
        "self_registration": False,
        "banner_message": "",
        "oidc_provider_name": "",
    }
    host = registry.url.partition("://")[2]
    assert somebody.items() >= {"registry_url": host, "external_url": registry.url, "has_ca_root": False}.items()
    assert re.match(r"v2\.\d+\.\d+", somebody["harbor_version"])
    assert somebody["registry_storage_provider_name"] == "filesystem"
    assert somebody["project_creation_restriction"] == "everyone"
    assert somebody["current_time"].endswith("Z")


def test_volumes_are_for_administrators(api: Api) -> None:
    [volume] = api("admin").get("systeminfo/volumes").json()["storage"]
    assert volume["total"] >= volume["free"] > 0
    assert api("stan").get("systeminfo/volumes").status_code == 403


def test_there_is_no_root_certificate(api: Api) -> None:
    assert api(None).get("systeminfo/getcert").status_code == 404


def test_health_names_the_parts_that_clients_know(api: Api) -> None:
    found = api(None).get("health").json()
    assert found["status"] == "healthy"
    assert {part["name"]: part["status"] for part in found["components"]} == dict.fromkeys(
        ("core", "database", "jobservice", "portal", "registry", "registryctl"), "healthy"
    )


def test_store_that_does_not_answer_is_unhealthy_and_the_answer_is_still_200(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_store: DiskStore) -> None:
        raise StoreUnavailable("a secret reason")

    monkeypatch.setattr(DiskStore, "check", gone)
    response = api(None).get("health")
    assert (response.status_code, response.json()["status"]) == (200, "unhealthy")
    [ill] = [part for part in response.json()["components"] if part["status"] != "healthy"]
    assert ill == {"name": "registry", "status": "unhealthy", "error": "see the log of the registry"}


def test_statistics_count_what_somebody_sees_and_everything_for_administrators(api: Api, registry: Registry) -> None:
    registry.push_image("team/counted", "1")
    registry.push_image("open/counted", "1")
    whole, own = api("admin").get("statistics").json(), api("gus").get("statistics").json()
    assert whole["total_project_count"] == whole["private_project_count"] + whole["public_project_count"]
    assert whole["total_repo_count"] == whole["private_repo_count"] + whole["public_repo_count"] == 2
    assert whole["total_storage_consumption"] > 0
    assert own == {
        "private_project_count": 1,
        "private_repo_count": 1,
        "public_project_count": 2,
        "public_repo_count": 1,
        "total_project_count": 0,
        "total_repo_count": 0,
        "total_storage_consumption": 0,
    }
    assert api(None).get("statistics").status_code == 401


def test_search_finds_projects_and_repositories_that_somebody_may_see(api: Api, registry: Registry) -> None:
    registry.push_image("open/needle", "1")
    registry.push_image("other/needle", "1")

    def found(user: str | None, part: str) -> tuple[list[str], list[str]]:
        answer = api(user).get("search", params={"q": part}).json()
        return [each["name"] for each in answer["project"]], [each["repository_name"] for each in answer["repository"]]

    assert found("admin", "NEEDLE") == ([], ["open/needle", "other/needle"])
    assert found(None, "needle") == ([], ["open/needle"])
    assert found("gus", "tea")[0] == ["team"]
    assert found(None, "tea") == ([], [])
    assert found("admin", "100%") == ([], [])
    [repository] = api(None).get("search?q=open/needle").json()["repository"]
    assert repository.items() >= {"project_name": "open", "project_public": True, "artifact_count": 1}.items()
    assert api(None).get("search").status_code == 400


def test_grantable_permissions_are_told_to_those_who_can_make_robots(api: Api) -> None:
    assert set(api("admin").get("permissions").json()) == {"system", "project"}
    of_project = api("pat").get("permissions").json()
    assert of_project["system"] is None
    assert {"resource": "repository", "action": "push"} in of_project["project"]
    assert api("mia").get("permissions").status_code == 403
    assert api(None).get("permissions").status_code == 401


def test_allowlist_of_the_registry_is_read_by_accounts_and_set_by_administrators(api: Api) -> None:
    empty = api("stan").get("system/CVEAllowlist").json()
    assert empty == {
        "items": [],
        "creation_time": "0001-01-01T00:00:00.000Z",
        "update_time": "0001-01-01T00:00:00.000Z",
    }
    wanted = {"expires_at": 1_900_000_000, "items": [{"cve_id": "CVE-2026-1"}, {"cve_id": "CVE-2026-1"}]}
    assert api("stan").put("system/CVEAllowlist", json=wanted).status_code == 403
    assert api("admin").put("system/CVEAllowlist", json=wanted).status_code == 200
    found = api("stan").get("system/CVEAllowlist").json()
    assert (found["items"], found["expires_at"]) == ([{"cve_id": "CVE-2026-1"}], 1_900_000_000)
    assert found["creation_time"] == found["update_time"] > "2020"
    assert api("admin").put("system/CVEAllowlist", json={"items": [{"cve_id": ""}]}).status_code == 400
    assert api(None).get("system/CVEAllowlist").status_code == 401


def test_allowlist_survives_the_way_through_the_database() -> None:
    made = Allowlist().replaced(["CVE-1"], None, 5)
    again = Allowlist.read(made.text()).replaced(["CVE-2"], 7, 9)
    assert again == Allowlist(("CVE-2",), 7, 5, 9)
