"""Labels of the system and of projects, and artifacts that have them."""

import httpx
import pytest

from tests.api.conftest import Api
from tests.http.serving import Registry


def team(api: Api) -> int:
    number: int = api("admin").get("projects/team").json()["project_id"]
    return number


def make(client: httpx.Client, name: str, **more: object) -> int:
    response = client.post("labels", json={"name": name, "scope": "g", "color": "#C92100"} | more)
    assert response.status_code == 201, response.text
    number = int(response.headers["location"].removeprefix("/api/v2.0/labels/"))
    assert client.get(f"labels/{number}").status_code == 200
    return number


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [label["name"] for label in response.json()]


def test_label_is_made_by_those_who_run_its_place(api: Api) -> None:
    label = make(api("mia"), "tested", scope="p", project_id=team(api), description="by hand")
    assert [api(user).get(f"labels/{label}").status_code for user in ("gus", "stan", None)] == [200, 403, 401]
    shown = api("mia").get(f"labels/{label}").json()
    assert shown == {
        "id": label,
        "name": "tested",
        "description": "by hand",
        "color": "#C92100",
        "scope": "p",
        "project_id": team(api),
        "creation_time": shown["creation_time"],
        "update_time": shown["creation_time"],
    }
    general = api("admin").get(f"labels/{make(api('admin'), 'general')}").json()
    assert (general["scope"], "project_id" in general) == ("g", False)
    assert api("mia").post("labels", json={"name": "mine", "scope": "g"}).status_code == 403
    assert api("dev").post("labels", json={"name": "x", "scope": "p", "project_id": team(api)}).status_code == 403


def test_label_is_changed_and_removed(api: Api) -> None:
    label = make(api("mia"), "first", scope="p", project_id=team(api))
    assert api("mia").put(f"labels/{label}", json={"name": "second", "color": "red"}).status_code == 200
    found = api("mia").get(f"labels/{label}").json()
    assert (found["name"], found["color"], found["scope"]) == ("second", "red", "p")
    assert api("dev").delete(f"labels/{label}").status_code == 403
    assert api("mia").delete(f"labels/{label}").status_code == 200
    assert code(api("admin").get(f"labels/{label}")) == (404, "NOT_FOUND")
    assert api("mia").get(f"labels/{label}").status_code == 403


def test_name_is_taken_in_one_place_only(api: Api) -> None:
    make(api("admin"), "twin")
    own = make(api("mia"), "twin", scope="p", project_id=team(api))
    response = api("admin").post("labels", json={"name": "twin", "scope": "g"})
    assert (*code(response), response.json()["errors"][0]["message"]) == (409, "CONFLICT", "label twin already exists")
    other = make(api("mia"), "other", scope="p", project_id=team(api))
    assert code(api("mia").put(f"labels/{other}", json={"name": "twin"})) == (409, "CONFLICT")
    assert api("mia").put(f"labels/{own}", json={"name": "twin", "color": "blue"}).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "", "scope": "g"},
        {"name": "x" * 129, "scope": "g"},
        {"name": "a\nb", "scope": "g"},
        {"name": "x"},
        {"name": "x", "scope": "p"},
    ],
)
def test_label_that_cannot_be_is_refused(api: Api, wanted: dict[str, str]) -> None:
    assert code(api("admin").post("labels", json=wanted)) == (400, "BAD_REQUEST")


def test_lists_are_of_one_place(api: Api) -> None:
    for name in ("list-b", "list-a"):
        make(api("admin"), name)
        make(api("mia"), f"own-{name}", scope="p", project_id=team(api))
    assert names(api("stan").get("labels?scope=g&name=LIST")) == ["list-a", "list-b"]
    assert names(api("gus").get(f"labels?scope=p&project_id={team(api)}&q=name=~list&sort=-name")) == [
        "own-list-b",
        "own-list-a",
    ]
    page = api("admin").get("labels?scope=g&name=list&page_size=1")
    assert (len(page.json()), page.headers["x-total-count"]) == (1, "2")
    assert api("stan").get(f"labels?scope=p&project_id={team(api)}").status_code == 403
    assert api(None).get("labels?scope=g").status_code == 401
    for query in ("", "?scope=x", "?scope=p", "?scope=p&project_id=x"):
        assert code(api("admin").get(f"labels{query}")) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("path", ["labelled", "deep%2Flabelled", "deep%252Flabelled"])
def test_artifact_gets_and_loses_labels_of_its_project_and_of_the_system(
    api: Api, registry: Registry, path: str
) -> None:
    for name in ("team/labelled", "team/deep/labelled"):
        registry.push_image(name, "1")
    labels = f"projects/team/repositories/{path}/artifacts/1/labels"
    own = make(api("mia"), f"own {path}", scope="p", project_id=team(api))
    general = make(api("admin"), f"general {path}")
    for label in (own, general):
        assert api("dev").post(labels, json={"id": label}).status_code == 200
        assert code(api("dev").post(labels, json={"id": label})) == (409, "CONFLICT")
        assert api("gus").delete(f"{labels}/{label}").status_code == 403
        assert api("dev").delete(f"{labels}/{label}").status_code == 200
        assert code(api("dev").delete(f"{labels}/{label}")) == (404, "NOT_FOUND")


def test_artifact_gets_no_label_of_another_project_nor_a_missing_artifact_any(api: Api, registry: Registry) -> None:
    registry.push_image("team/picky", "1")
    other = api("admin").get("projects/other").json()["project_id"]
    foreign = make(api("admin"), "foreign", scope="p", project_id=other)
    general = make(api("admin"), "for all")
    labels = "projects/team/repositories/picky/artifacts/1/labels"
    assert code(api("dev").post(labels, json={"id": foreign})) == (404, "NOT_FOUND")
    assert code(api("dev").post(labels.replace("/1/", "/2/"), json={"id": general})) == (404, "NOT_FOUND")
    assert code(api("dev").post(labels.replace("picky", "none"), json={"id": general})) == (404, "NOT_FOUND")
    assert code(api("dev").delete(f"{labels}/999999")) == (404, "NOT_FOUND")


def test_label_goes_from_artifacts_when_it_is_removed(api: Api, registry: Registry) -> None:
    registry.push_image("team/cleared", "1")
    label = make(api("admin"), "passing")
    labels = "projects/team/repositories/cleared/artifacts/1/labels"
    assert api("dev").post(labels, json={"id": label}).status_code == 200
    assert api("admin").delete(f"labels/{label}").status_code == 200
    assert code(api("dev").delete(f"{labels}/{label}")) == (404, "NOT_FOUND")


def test_field_that_is_null_is_as_good_as_left_out(api: Api) -> None:
    made = api("admin").post("labels", json={"name": "null", "scope": "g", "description": None, "project_id": None})
    assert made.status_code == 201
    assert "description" not in api("admin").get(made.headers["location"]).json()
