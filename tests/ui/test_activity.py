"""Who did what, as people look for it and take it away."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from registry.ui import lists
from storage.metadata import audit_records
from tests.http.serving import Registry
from tests.ui.conftest import Browsers

EXPORTS = ("/ui/activity/export", "/ui/projects/team/activity/export")


def records(browsers: Browsers, name: str, query: str = "", address: str = EXPORTS[0]) -> list[dict[str, object]]:
    response = browsers(name).get(f"{address}?as=jsonl{query}")
    assert response.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in response.text.splitlines()]


def test_administrator_sees_all_and_others_what_their_roles_show(registry: Registry, browsers: Browsers) -> None:
    assert {each["operation"] for each in records(browsers, "admin")} >= {"create", "login"}
    resources = [str(each["resource"]) for each in records(browsers, "pat")]
    assert resources
    assert not any(each.startswith(("open", "other")) for each in resources)
    assert "team/app:1.0" in browsers("pat").get("/ui/activity").text
    assert records(browsers, "stan") == []
    assert browsers("gus").get("/ui/projects/team/activity").status_code == 403


def test_records_are_chosen_by_actor_action_project_and_day(registry: Registry, browsers: Browsers) -> None:
    registry.push_image("team/chosen", "1", user="dev")
    by_dev = records(browsers, "admin", "&who=dev&what=create")
    assert {each["user"] for each in by_dev} == {"dev"}
    assert {each["operation"] for each in by_dev} == {"create"}
    in_team = records(browsers, "admin", "&in=team")
    assert not any(str(each["resource"]).startswith(("open", "other")) for each in in_team)
    assert records(browsers, "admin", "&in=nowhere") == []
    today = datetime.now(UTC).date()
    assert records(browsers, "admin", f"&who=dev&since={today - timedelta(days=1)}&until={today}") != []
    assert records(browsers, "admin", f"&who=dev&until={today - timedelta(days=2)}") == []
    page = browsers("admin").get("/ui/activity?who=dev&what=create").text
    assert "as=csv&amp;who=dev&amp;what=create" in page
    assert '<option value="create" selected>' in page


@pytest.mark.parametrize("query", ["since=yesterday", "until=2030-13-01", "as=xml", "as="])
def test_what_cannot_be_asked_for_is_refused(browsers: Browsers, query: str) -> None:
    assert browsers("admin").get(f"/ui/activity/export?as=csv&{query}").status_code == 400 or query.startswith("as")
    assert browsers("admin").get(f"/ui/activity/export?{query}").status_code == 400


def test_file_of_a_project_has_its_records_only(registry: Registry, browsers: Browsers) -> None:
    found = records(browsers, "pat", address=EXPORTS[1])
    assert found
    assert not any(str(each["resource"]).startswith(("open", "other")) for each in found)
    assert browsers("stan").get(f"{EXPORTS[1]}?as=csv").status_code == 404


def test_spreadsheet_takes_nothing_of_the_file_for_a_formula(registry: Registry, browsers: Browsers) -> None:
    body = {"name": "=1+1", "scope": "g"}
    assert registry.client("admin").post("/api/v2.0/labels", json=body).status_code == 201
    response = browsers("admin").get(f"{EXPORTS[0]}?as=csv")
    assert 'filename="activity.csv"' in response.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(response.text)))
    assert rows[0] == ["time", "user", "operation", "resource_type", "resource", "description", "succeeded"]
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert len(rows) - 1 == len(records(browsers, "admin"))


def test_long_history_is_exported_whole(registry: Registry, browsers: Browsers) -> None:
    row = {
        "at": 1_000,
        "project_id": None,
        "user_name": "longago",
        "operation": "update",
        "resource_type": "user",
        "resource": "x",
        "description": "",
        "succeeded": True,
    }
    with registry.database.write() as tx:
        audit_records.add_all(tx, [row] * 2_300)
    assert len(records(browsers, "admin", "&who=longago")) == 2_300


def test_long_list_is_counted_no_further_than_it_is_looked_at(
    registry: Registry, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST", 30)
    row = {"project_id": None, "user_name": "often", "operation": "update", "resource_type": "user"}
    with registry.database.write() as tx:
        more = {"resource": "x", "description": "", "succeeded": True}
        audit_records.add_all(tx, [{**row, **more, "at": at} for at in range(60)])
    pages = [browsers("admin").get(f"/ui/activity?who=often&page={page}").text for page in (1, 2, 3)]
    assert "25 of 30+</span>" in pages[0]
    assert "50 of 55+</span>" in pages[1]
    assert "60 of 60</span>" in pages[2]
    assert 'rel="next"' in pages[1]
    assert 'rel="next"' not in pages[2]
    monkeypatch.setattr(lists, "MOST", 60)
    assert "25 of 60</span>" in browsers("admin").get("/ui/activity?who=often").text
