"""Webhooks on the page: made and changed there, with what became of what they were told."""

import time
from typing import Any

import pytest

from tests.http.serving import Registry
from tests.ui.conftest import Browsers

HOOKS = "/ui/projects/team/webhooks"
NEW = {"url": "http://127.0.0.1:9/hook", "kind": "http Default", "event": "PUSH_ARTIFACT", "enabled": "1"}


def stored(registry: Registry, name: str) -> dict[str, Any]:
    found = registry.client("admin").get("/api/v2.0/projects/team/webhook/policies").json()
    return next(each for each in found if each["name"] == name)


def test_webhooks_are_for_those_whose_role_allows_it(browsers: Browsers) -> None:
    statuses = {name: browsers(name).get(HOOKS).status_code for name in ("pat", "mia", "dev", "stan", None)}
    assert statuses == {"pat": 200, "mia": 200, "dev": 403, "stan": 404, None: 303}
    assert f"{HOOKS}/new" in browsers("pat").get(HOOKS).text
    assert f"{HOOKS}/new" not in browsers("mia").get(HOOKS).text
    assert browsers("mia").get(f"{HOOKS}/new").status_code == 403


def test_webhook_is_told_of_a_push_and_the_page_tells_what_became_of_it(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    assert pat.send_form(f"{HOOKS}/new", name="deploy", auth_header="Bearer secret", **NEW).status_code == 303
    hook = f"{HOOKS}/{stored(registry, 'deploy')['id']}"
    registry.push_image("team/hooked", "1")
    page = pat.get(hook).text
    assert "an artifact is pushed" in page
    assert "secret" not in page
    delivery = f"{hook}/deliveries/" + page.partition(f"{hook}/deliveries/")[2].partition('"')[0]
    for _ in range(100):
        told = pat.get(delivery).text
        if "127.0.0.1" in told.replace("127.0.0.1:9/hook", ""):
            break
        time.sleep(0.1)
    assert "failed" in told
    assert "team/hooked" in told
    assert "Last told" in pat.get(HOOKS).text
    assert pat.send_form(f"{hook}/delete").headers["location"] == HOOKS
    assert pat.get(hook).status_code == 404


def test_webhook_keeps_what_the_form_does_not_show(registry: Registry, browsers: Browsers) -> None:
    pat, first = browsers("pat"), {"type": "http", "address": "http://a.example/", "auth_header": "Bearer kept"}
    policy = {
        "name": "two",
        "targets": [first, {"type": "slack", "address": "http://b.example/"}],
        "event_types": ["PUSH_ARTIFACT", "SCANNING_COMPLETED"],
    }
    assert registry.client("admin").post("/api/v2.0/projects/team/webhook/policies", json=policy).status_code == 201
    hook = f"{HOOKS}/{stored(registry, 'two')['id']}"
    changed = NEW | {"url": "http://c.example/", "event": "DELETE_ARTIFACT", "kind": "http CloudEvents"}
    assert pat.send_form(hook, name="two", description="Both", **changed).status_code == 303
    after = stored(registry, "two")
    assert [each["address"] for each in after["targets"]] == ["http://c.example/", "http://b.example/"]
    assert after["targets"][0]["auth_header"] == "Bearer kept"
    assert after["targets"][0]["payload_format"] == "CloudEvents"
    assert after["event_types"] == ["DELETE_ARTIFACT", "SCANNING_COMPLETED"]
    assert after["enabled"]
    assert "Both" in pat.get(HOOKS).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": "ftp://nowhere"}, "begins with http:// or https://"),
        ({"event": "NOTHING"}, "at least one event type"),
        ({"kind": "carrier pigeon"}, "unsupported target type"),
    ],
)
def test_refused_webhook_is_not_made_and_the_reason_is_told(
    browsers: Browsers, changed: dict[str, str], said: str
) -> None:
    response = browsers("pat").send_form(f"{HOOKS}/new", **({"name": "odd"} | NEW | changed))
    assert response.status_code == 422
    assert said in response.text


def test_webhook_of_a_name_that_is_taken_is_refused(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    for name in ("one", "other"):
        assert pat.send_form(f"{HOOKS}/new", name=name, **NEW).status_code == 303
    assert "There is a webhook of this name already." in pat.send_form(f"{HOOKS}/new", name="one", **NEW).text
    hook = f"{HOOKS}/{stored(registry, 'other')['id']}"
    assert "There is a webhook of this name already." in pat.send_form(hook, name="one", **NEW).text
    assert "The webhook was not changed:" in pat.send_form(hook, name="x", **(NEW | {"url": "no"})).text
