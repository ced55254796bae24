"""Rules that keep tags where they are, and what they keep from happening."""

from typing import Any

import httpx
import pytest

from auth.access import Actor
from registry.core.repositories import Repositories
from registry.core.restoring import Restoring
from registry.errors import TagImmutable
from registry.oci.names import RepositoryName
from tests.api.conftest import Api
from tests.api.content import push
from tests.http.serving import Registry

RULES = "projects/{}/immutabletagrules"


def rule(tags: str = "**", repositories: str = "**", **more: object) -> dict[str, Any]:
    return {
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tags, "extras": ""}],
        "scope_selectors": {
            "repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repositories}]
        },
        **more,
    }


def make(api: Api, project: str, **values: Any) -> int:
    response = api("admin").post(RULES.format(project), json=rule(**values))
    assert response.status_code == 201, response.text
    place, _, number = response.headers["location"].rpartition("/")
    assert place == f"/api/v2.0/projects/{project}/immutabletagrules"
    return int(number)


def message(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["message"]


def test_rules_are_made_listed_turned_off_changed_and_removed(api: Api) -> None:
    api("admin").post("projects", json={"project_name": "ruled"})
    number = make(api, "ruled", tags="v*")
    (found,) = api("admin").get(RULES.format("ruled")).json()
    assert found == {
        "id": number,
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "v*"}],
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
    }
    again = api("admin").post(RULES.format("ruled"), json=rule("v*"))
    assert message(again) == (409, "immutable rule already exists")
    address = f"{RULES.format('ruled')}/{number}"
    assert api("admin").put(address, json={**found, "disabled": True, "tag_selectors": []}).status_code == 200
    assert api("admin").get(RULES.format("ruled")).json() == [{**found, "disabled": True}]
    changed = rule("w*", id=number, disabled=True)
    assert api("admin").put(address, json=changed).status_code == 200
    assert api("admin").get(RULES.format("ruled")).json()[0]["tag_selectors"][0]["pattern"] == "w*"
    assert api("admin").put(address, json={**changed, "id": 99}).status_code == 400
    assert api("admin").delete(address).status_code == 200
    assert api("admin").delete(address).status_code == 404
    assert api("admin").get(RULES.format("ruled")).json() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"tag_selectors": []},
        {"scope_selectors": {}},
        {"tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "a[b"}]},
        {"tag_selectors": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        {"tag_selectors": [{"kind": "regex", "decoration": "matches", "pattern": "**"}] * 21},
    ],
)
def test_rule_that_is_not_sound_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert api("admin").post(RULES.format("team"), json={**rule(), **wrong}).status_code == 400


def test_rules_are_for_those_who_run_or_maintain_the_project(api: Api) -> None:
    assert api("mia").get(RULES.format("team")).status_code == 200
    assert api("dev").get(RULES.format("team")).status_code == 403
    assert api("dev").post(RULES.format("team"), json=rule()).status_code == 403
    assert api("mia").delete(f"{RULES.format('team')}/999").status_code == 404
    assert api("mia").delete(f"{RULES.format('team')}/x").status_code == 422


def test_immutable_tag_is_neither_moved_nor_removed_by_any_way(api: Api, registry: Registry) -> None:
    api("admin").post("projects", json={"project_name": "fixed"})
    pushed = push(registry, "fixed/app", "v1")
    push(registry, "fixed/app", "latest", config={"n": 2})
    number = make(api, "fixed", tags="v*", repositories="app")
    here, v2 = "projects/fixed/repositories/app", registry.client("admin")
    manifest = v2.get("/v2/fixed/app/manifests/latest")
    kind = {"Content-Type": manifest.headers["content-type"]}
    moved = v2.put("/v2/fixed/app/manifests/v1", content=manifest.content, headers=kind)
    assert message(moved) == (
        412,
        "Failed to process request due to 'fixed/app:v1' configured as immutable.",
    )
    kept = (412, "the tag v1 configured as immutable, cannot be deleted")
    assert message(v2.delete("/v2/fixed/app/manifests/v1")) == kept
    assert message(v2.delete(f"/v2/fixed/app/manifests/{pushed['digest']}")) == kept
    assert message(api("admin").delete(f"{here}/artifacts/v1")) == kept
    assert message(api("admin").delete(f"{here}/artifacts/v1/tags/v1")) == kept
    assert message(api("admin").delete(here)) == kept
    assert push(registry, "fixed/app", "v1") == pushed
    assert push(registry, "fixed/elsewhere", "v1")
    assert push(registry, "fixed/elsewhere", "v1", config={})
    tags = api("admin").get(f"{here}/artifacts?with_immutable_status=true&sort=push_time").json()
    assert [(tag["name"], tag["immutable"]) for each in tags for tag in each["tags"]] == [
        ("v1", True),
        ("latest", False),
    ]
    assert v2.delete("/v2/fixed/app/manifests/latest").status_code == 202
    assert api("admin").delete(f"{RULES.format('fixed')}/{number}").status_code == 200
    assert api("admin").delete(here).status_code == 200


def test_tag_that_became_immutable_is_not_moved_back(api: Api, registry: Registry) -> None:
    api("admin").post("projects", json={"project_name": "undone"})
    push(registry, "undone/app", "v1")
    push(registry, "undone/app", "v1", config={})
    make(api, "undone", tags="v1")
    repository = Repositories(registry.database).named(RepositoryName.parse("undone/app"))
    with pytest.raises(TagImmutable):
        Restoring(registry.database, sparse="none").restore_tag(Actor(), repository, "v1")
