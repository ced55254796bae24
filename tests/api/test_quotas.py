"""Quotas, as Harbor's clients list and change them."""

import pytest

from tests.api.conftest import Api
from tests.http.serving import Registry


def number(api: Api, name: str) -> int:
    project: int = api("admin").get(f"projects/{name}").json()["project_id"]
    return project


def test_quota_of_a_project_is_found_by_its_number(api: Api, registry: Registry) -> None:
    registry.push_image("team/app", "1")
    team = number(api, "team")
    [found] = api("admin").get(f"quotas?reference=project&reference_id={team}").json()
    assert found["ref"] == {"id": team, "name": "team", "owner_name": ""}
    assert found["hard"] == {"storage": -1}
    assert found["used"]["storage"] > 0
    assert api("admin").get(f"quotas/{team}").json() == found
    assert api("admin").get("quotas?reference=user").json() == []


def test_walk_over_the_pages_ends_with_an_empty_one(api: Api) -> None:
    every = [quota["ref"]["name"] for quota in api("admin").get("quotas/?page=1&page_size=100").json()]
    assert {"team", "other", "open", "library"} <= set(every)
    assert api("admin").get("quotas/?page=2&page_size=100").json() == []


def test_quota_is_changed_and_holds(api: Api, registry: Registry) -> None:
    other = number(api, "other")
    assert api("admin").put(f"quotas/{other}", json={"hard": {"storage": 10}}).status_code == 200
    assert api("admin").get(f"quotas/{other}").json()["hard"] == {"storage": 10}
    pushed = registry.client("admin").post(
        "/v2/other/app/blobs/uploads/", params={"digest": "sha256:" + "0" * 64}, content=b"x" * 20
    )
    assert pushed.status_code == 403
    assert api("admin").put(f"quotas/{other}", json={"hard": {"storage": -1}}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"hard": {}}, 400),
        ({}, 400),
        ({"hard": {"storage": 0}}, 400),
        ({"hard": {"storage": 1024**5 + 1}}, 400),
        ({"hard": {"storage": "many"}}, 422),
    ],
)
def test_quota_that_cannot_be_is_refused(api: Api, body: dict[str, object], status: int) -> None:
    assert api("admin").put(f"quotas/{number(api, 'team')}", json=body).status_code == status


def test_quotas_are_sorted_by_what_projects_keep_and_may_keep(api: Api) -> None:
    open_ = number(api, "open")
    assert api("admin").put(f"quotas/{open_}", json={"hard": {"storage": 99}}).status_code == 200
    by_limit = [each["hard"]["storage"] for each in api("admin").get("quotas?sort=-hard.storage").json()]
    by_use = [each["used"]["storage"] for each in api("admin").get("quotas?sort=used.storage").json()]
    assert by_limit == sorted(by_limit, reverse=True)
    assert by_use == sorted(by_use)


def test_quotas_are_for_administrators(api: Api) -> None:
    team = number(api, "team")
    assert api("pat").get("quotas").status_code == 403
    assert api("pat").put(f"quotas/{team}", json={"hard": {"storage": 5}}).status_code == 403
    assert api("admin").get("quotas/999999").status_code == 404
    assert api("admin").put("quotas/999999", json={"hard": {"storage": 5}}).status_code == 404
