"""Repositories, as Harbor's clients list, describe and remove them."""

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.content import push
from tests.http.serving import Registry


@pytest.fixture(scope="module", autouse=True)
def content(registry: Registry) -> None:
    for name in ("team/app", "team/a/b", "other/app", "open/app"):
        push(registry, name, "1", config={"name": name})


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [repository["name"] for repository in response.json()]


def test_lists_show_what_somebody_may_see(api: Api) -> None:
    assert names(api("admin").get("repositories")) == ["open/app", "other/app", "team/a/b", "team/app"]
    assert names(api("gus").get("repositories?sort=name")) == ["open/app", "team/a/b", "team/app"]
    assert names(api(None).get("repositories")) == ["open/app"]
    assert names(api("dev").get("projects/team/repositories")) == ["team/a/b", "team/app"]
    assert api("stan").get("projects/team/repositories").status_code == 403


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=name=~APP&sort=name", ["team/app"]),
        ("q=name=team/app", ["team/app"]),
        ("sort=-name", ["team/app", "team/a/b"]),
        ("page=2&page_size=1", ["team/app"]),
        ("page=9", []),
    ],
)
def test_list_of_a_project_is_filtered_sorted_and_paged(api: Api, query: str, expected: list[str]) -> None:
    assert names(api("dev").get(f"projects/team/repositories?{query}")) == expected


@pytest.mark.parametrize("path", ["a%2Fb", "a%252Fb"])
def test_name_with_a_slash_is_encoded_once_or_twice(api: Api, path: str) -> None:
    found = api("dev").get(f"projects/team/repositories/{path}").json()
    assert (found["name"], found["artifact_count"], found["pull_count"]) == ("team/a/b", 1, 0)
    assert found["creation_time"].endswith("Z")
    assert "description" not in found


def test_repository_is_found_by_the_digest_of_a_blob_that_it_has(api: Api, registry: Registry) -> None:
    push(registry, "team/digests", "1", layers={b"rare": "application/x"})
    digest = registry.push_blob("team/digests", b"rare")
    assert names(api("dev").get(f"repositories?q=blob_digest={digest}")) == ["team/digests"]
    assert names(api("stan").get(f"repositories?q=blob_digest={digest}")) == []
    assert api("admin").delete("projects/team/repositories/digests").status_code == 200


def test_description_is_kept_as_text_that_is_no_markup(api: Api) -> None:
    address = "projects/team/repositories/app"
    assert api("dev").put(address, json={"description": "a <b>", "id": 9, "name": "x"}).status_code == 200
    found = api("gus").get(address).json()
    assert (found["name"], found["description"]) == ("team/app", "a &lt;b&gt;")
    assert api("gus").put(address, json={"description": "mine"}).status_code == 403


def test_public_lists_but_does_not_read_a_repository(api: Api) -> None:
    assert names(api(None).get("projects/open/repositories")) == ["open/app"]
    assert api(None).get("projects/open/repositories/app").status_code == 401
    assert api("stan").get("projects/open/repositories/app").status_code == 403


def test_repository_that_there_is_not_is_told_as_such(api: Api) -> None:
    missing = api("dev").get("projects/team/repositories/none")
    assert (missing.status_code, missing.json()["errors"]) == (
        404,
        [{"code": "NOT_FOUND", "message": "repository team/none not found"}],
    )
    assert api("dev").get("projects/team/repositories/Bad").status_code == 400


def test_repository_is_removed_with_all_that_it_holds(api: Api, registry: Registry) -> None:
    push(registry, "team/gone", "1")
    assert api("dev").delete("projects/team/repositories/gone").status_code == 403
    assert api("mia").delete("projects/team/repositories/gone").status_code == 200
    assert registry.client("admin").get("/v2/team/gone/manifests/1").status_code == 404
    assert api("mia").delete("projects/team/repositories/gone").status_code == 404


def test_repository_stays_without_artifacts_until_it_is_removed(api: Api, registry: Registry) -> None:
    registry.push_image("team/emptied", "1")
    client, address = api("admin"), "projects/team/repositories/emptied"
    assert client.put(address, json={"description": "what it is for"}).status_code == 200
    assert client.delete(f"{address}/artifacts/1").status_code == 200
    found = client.get(address).json()
    assert (found["artifact_count"], found["description"]) == (0, "what it is for")
    assert found in client.get("projects/team/repositories?page_size=0").json()
    assert client.get(f"{address}/artifacts").json() == []
    assert "team/emptied" not in registry.client("admin").get("/v2/_catalog").json()["repositories"]
    assert client.delete(address).status_code == 200
    assert client.get(address).status_code == 404
    assert client.delete(address).status_code == 404
    registry.push_image("team/emptied", "2")
    assert client.get(address).json()["artifact_count"] == 1
