"""Rules about tags on the page: what stays where it is, what is kept, and what would go before it does."""

import time
from typing import Any

import pytest

from tests.http.serving import Registry
from tests.ui.conftest import Browser, Browsers

RULES = "/ui/projects/team/rules"
SCOPE = {"repositories": "matches", "repository_pattern": "kept", "tags": "matches", "tag_pattern": "**"}
NEWEST = {"template": "latestPushedK", "number": "1", **SCOPE}


def ended(browser: Browser, run: str) -> str:
    """The page of a run, once it has ended."""
    for _ in range(300):
        page = browser.get(run).text
        if 'hx-trigger="every' not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("the run does not end")


def test_rules_are_for_those_whose_role_allows_it(browsers: Browsers) -> None:
    statuses = {name: browsers(name).get(RULES).status_code for name in ("pat", "mia", "dev", "gus", "stan", None)}
    assert statuses == {"pat": 200, "mia": 200, "dev": 200, "gus": 403, "stan": 404, None: 303}
    assert "Immutable tags" in browsers("mia").get(RULES).text
    assert "Immutable tags" not in browsers("dev").get(RULES).text
    assert browsers("dev").send_form(RULES, f"{RULES}/immutable", **SCOPE).status_code == 403


def test_immutable_tag_stays_until_its_rule_is_off(registry: Registry, browsers: Browsers) -> None:
    mia = browsers("mia")
    registry.push_image("team/fixed", "v1")
    scope = SCOPE | {"repository_pattern": "fixed", "tag_pattern": "v*"}
    assert mia.send_form(RULES, f"{RULES}/immutable", **scope).headers["location"] == RULES
    again = mia.send_form(RULES, f"{RULES}/immutable", **scope)
    assert again.status_code == 422
    assert "There is such a rule already." in again.text
    tag = "/ui/r/team/fixed/-/tags/v1/delete"
    assert "A rule of the project keeps" in mia.send_form(tag).text
    [rule] = registry.client("admin").get("/api/v2.0/projects/team/immutabletagrules").json()
    address = f"{RULES}/immutable/{rule['id']}"
    for _ in range(2):
        assert mia.send_form(RULES, address, disabled="true").status_code == 303
    assert mia.send_form(tag).status_code == 303
    assert mia.send_form(RULES, f"{address}/remove").status_code == 303
    assert mia.send_form(RULES, address, disabled="true").status_code == 404
    assert registry.client("admin").get("/api/v2.0/projects/team/immutabletagrules").json() == []


def test_preview_tells_what_would_go_and_the_run_deletes_just_that(registry: Registry, browsers: Browsers) -> None:
    dev = browsers("dev")
    for tag in ("old", "new"):
        registry.push_image("team/kept", tag, layer=f"the layer of {tag}".encode())
    assert dev.send_form(RULES, f"{RULES}/retention", **NEWEST).status_code == 303
    assert "the last 1 that were pushed" in dev.get(RULES).text
    preview = ended(dev, dev.send_form(RULES, f"{RULES}/runs", dry_run="1").headers["location"])
    assert "Would go" in preview
    assert '<span class="badge">old</span>' in preview
    assert '<span class="badge">new</span>' not in preview
    assert "At least 16 B would be freed" in preview
    tags = registry.client("admin").get("/v2/team/kept/tags/list").json()["tags"]
    assert tags == ["new", "old"]
    assert "Delete what no rule keeps in team?" in dev.get(f"{RULES}/follow").text
    run = ended(dev, dev.send_form(RULES, f"{RULES}/runs").headers["location"])
    assert '<span class="badge">old</span>' in run
    assert "freed" not in run
    assert registry.client("admin").get("/v2/team/kept/tags/list").json()["tags"] == ["new"]
    remove_all(dev)


def test_rules_are_turned_off_scheduled_and_removed(registry: Registry, browsers: Browsers) -> None:
    dev = browsers("dev")
    assert dev.send_form(RULES, f"{RULES}/retention", **NEWEST).status_code == 303
    always = SCOPE | {"template": "always", "repositories": "excludes"}
    assert dev.send_form(RULES, f"{RULES}/retention", **always).status_code == 303
    assert dev.send_form(RULES, f"{RULES}/retention/2", disabled="true").status_code == 303
    assert dev.send_form(RULES, f"{RULES}/schedule", kind="Daily").status_code == 303
    assert 'value="Daily" selected' in dev.get(RULES).text
    policy = stored(registry)
    assert policy["trigger"]["settings"]["cron"] == "0 0 0 * * *"
    assert [rule.get("disabled", False) for rule in policy["rules"]] == [False, True]
    assert dev.send_form(RULES, f"{RULES}/schedule", kind="Custom", cron="0 30 2 * * *").status_code == 303
    assert 'value="0 30 2 * * *"' in dev.get(RULES).text
    assert dev.send_form(RULES, f"{RULES}/schedule", kind="None").status_code == 303
    assert stored(registry)["trigger"]["settings"]["cron"] == ""
    assert dev.send_form(RULES, f"{RULES}/retention/7", disabled="true").status_code == 404
    remove_all(dev)
    assert "everything is kept" in dev.get(RULES).text
    assert dev.send_form(RULES, f"{RULES}/runs").status_code == 404


def test_run_that_goes_on_is_stopped(registry: Registry, browsers: Browsers) -> None:
    dev = browsers("dev")
    assert dev.send_form(RULES, f"{RULES}/retention", **NEWEST).status_code == 303
    run = dev.send_form(RULES, f"{RULES}/runs", dry_run="1").headers["location"]
    assert dev.send_form(RULES, f"{run}/stop").headers["location"] == RULES
    assert run in dev.get(RULES).text
    assert dev.get(f"{RULES}/runs/999999").status_code == 404
    remove_all(dev)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"number": ""}, "say how many"),
        ({"template": "fly"}, "is not a template"),
        ({"tag_pattern": "{a"}, "The rule was not added:"),
    ],
)
def test_rule_that_means_nothing_is_refused(browsers: Browsers, changed: dict[str, str], said: str) -> None:
    response = browsers("dev").send_form(RULES, f"{RULES}/retention", **(NEWEST | changed))
    assert response.status_code == 422
    assert said in response.text


@pytest.mark.parametrize("fields", [{"kind": "Custom", "cron": "often"}, {"kind": "Custom"}, {"kind": "Never"}])
def test_schedule_that_never_comes_is_refused(browsers: Browsers, fields: dict[str, str]) -> None:
    dev = browsers("dev")
    assert dev.send_form(RULES, f"{RULES}/retention", **NEWEST).status_code == 303
    response = dev.send_form(RULES, f"{RULES}/schedule", **fields)
    assert response.status_code == 422
    assert "The schedule was not set:" in response.text
    remove_all(dev)


def stored(registry: Registry) -> dict[str, Any]:
    """The project's policy, as the API tells it."""
    admin = registry.client("admin")
    number = admin.get("/api/v2.0/projects/team").json()["metadata"]["retention_id"]
    policy: dict[str, Any] = admin.get(f"/api/v2.0/retentions/{number}").json()
    return policy


def remove_all(browser: Browser) -> None:
    while f"{RULES}/retention/1/remove" in browser.get(RULES).text:
        assert browser.send_form(RULES, f"{RULES}/retention/1/remove").status_code == 303
