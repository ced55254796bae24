"""The registry as administrators see and set it, and how clients are told of it."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

import pytest

from registry.config import Config
from registry.core.settings import KNOWN
from registry.pages import given_settings
from registry.ui.connecting import TRIED_BYTES
from registry.ui.setting_fields import GROUPS
from registry.ui.snippets import clients
from tests.http.serving import Registry
from tests.ui.conftest import Browser, Browsers, fresh


@contextmanager
def changed(browser: Browser, group: str, **values: str) -> Iterator[str]:
    """A group of settings for a while; gives the page as it is then."""
    assert browser.send_form("/ui/settings", group=group, **values).status_code == 303
    try:
        yield browser.get("/ui/settings").text
    finally:
        assert browser.send_form("/ui/settings", group=group).status_code == 303


def test_settings_and_system_are_for_administrators(browsers: Browsers) -> None:
    for address in ("/ui/settings", "/ui/system"):
        assert browsers("admin").get(address).status_code == 200
        assert browsers("pat").get(address).status_code == 403
        assert f'href="{address}"' not in browsers("pat").get("/ui/").text


def test_every_setting_that_can_be_changed_is_on_the_page_once() -> None:
    shown = [field.name for group in GROUPS for field in group.fields]
    assert sorted(shown) == sorted(name for name, setting in KNOWN.items() if setting.is_used)


def test_read_only_is_told_on_every_page_and_ends_where_it_began(registry: Registry, browsers: Browsers) -> None:
    with changed(browsers("admin"), "use", read_only="true", banner_message="Back at <b>noon</b>") as page:
        assert 'name="read_only" aria-describedby="read_only-help" checked' in page
        for reader in ("pat", None):
            shown = browsers(reader).get("/ui/projects").text
            assert "The registry is read-only at the moment" in shown
            assert "Back at &lt;b&gt;noon&lt;/b&gt;" in shown
        assert browsers("pat").send_form("/ui/new-project", name="late").status_code == 403
    assert "read-only at the moment" not in browsers("pat").get("/ui/projects").text


def test_banner_that_harbors_page_has_set_is_shown_as_text(registry: Registry, browsers: Browsers) -> None:
    told = json.dumps({"message": "Moving house", "type": "info", "closable": False})
    with registry.client("admin") as client:
        assert client.put("/api/v2.0/configurations", json={"banner_message": told}).status_code == 200
        assert "<span>Moving house</span>" in browsers("pat").get("/ui/").text
        assert client.put("/api/v2.0/configurations", json={"banner_message": ""}).status_code == 200


def test_sound_values_are_kept_and_others_are_told(registry: Registry, browsers: Browsers) -> None:
    admin, kept = browsers("admin"), {"project_creation_restriction": "everyone"}
    with registry.client("admin") as client:
        response = admin.send_form("/ui/settings", group="projects", **kept, storage_per_project="2 GiB")
        assert response.status_code == 303
        assert client.get("/api/v2.0/configurations").json()["storage_per_project"]["value"] == 2 << 30
        response = admin.send_form("/ui/settings", group="projects", **kept, storage_per_project="many")
        assert response.status_code == 422
        assert "storage_per_project must be a number of bytes" in response.text
        assert admin.send_form("/ui/settings", group="projects", **kept, storage_per_project="").status_code == 303
        assert client.get("/api/v2.0/configurations").json()["storage_per_project"]["value"] == -1
    assert admin.send_form("/ui/settings", group="nothing").status_code == 404
    assert browsers("pat").send_form("/ui/account", "/ui/settings", group="use", read_only="true").status_code == 403


def test_secret_is_kept_when_nothing_is_sent_and_never_shown(registry: Registry, browsers: Browsers) -> None:
    values = {"oidc_client_secret": "hush-hush", "oidc_extra_redirect_parms": "{}", "oidc_verify_cert": "true"}
    admin = browsers("admin")
    assert admin.send_form("/ui/settings", group="oidc", **values).status_code == 303
    assert admin.send_form("/ui/settings", group="oidc", **{**values, "oidc_client_secret": ""}).status_code == 303
    assert "hush-hush" not in admin.get("/ui/settings").text
    from storage.metadata import settings

    with registry.database.read() as tx:
        assert settings.find(tx, "oidc_client_secret") == '"hush-hush"'


def test_system_tells_what_it_was_started_with_and_no_secret(browsers: Browsers) -> None:
    page = browsers("admin").get("/ui/system").text
    assert "Correct-horse1" not in page
    assert "SQLite 3." in page or "PostgreSQL" in page
    shown = {each.name: each for each in given_settings(Config(database_url="postgresql://u:pw@h/d", workers=2))}
    assert shown.keys() == {field.name for field in fields(Config)}
    assert (shown["database_url"].value, shown["database_url"].is_usual) == ("••••••", False)
    assert (shown["workers"].value, shown["workers"].is_usual) == ("2", False)
    assert (shown["port"].value, shown["port"].is_usual) == ("5000", True)


@pytest.mark.parametrize("base", ["http://reg.lan:5000", "https://reg.example", "http://localhost:5000"])
def test_snippets_are_what_their_programs_read(base: str) -> None:
    host = base.partition("://")[2]
    for client in clients(base, "robot$team+ci"):
        for piece in client.pieces:
            if piece.file.endswith((".toml", ".conf")):
                assert host in piece.text or "config_path" in piece.text
                tomllib.loads(piece.text)
            elif piece.file.endswith(".json"):
                assert json.loads(piece.text) == {"insecure-registries": [host]}
            if not piece.file and "--username" in piece.text:
                assert "'robot$team+ci'" in piece.text
    insecure = [piece for client in clients(base, "u") for piece in client.pieces if "insecure" in piece.text]
    assert bool(insecure) == base.startswith("http:")


def test_connecting_is_told_to_everybody_with_this_host(registry: Registry, browsers: Browsers) -> None:
    host = registry.url.removeprefix("http://")
    assert f"docker login --username &#39;pat&#39; {host}" in browsers("pat").get("/ui/connect").text
    page = browsers(None).get("/ui/connect?client=k3s").text
    assert f"- &#34;http://{host}&#34;" in page
    assert browsers(None).get("/ui/connect?client=none").status_code == 200


def test_size_of_what_arrives_is_told_to_pages_of_ours_only(registry: Registry) -> None:
    browser, body = fresh(registry), b"x" * TRIED_BYTES
    page = browser.get("/ui/connect").text
    code = page.partition('data-code="')[2].partition('"')[0]
    response = browser.post("/ui/connect/size", content=body, headers={"X-Harbor-CSRF-Token": code})
    assert response.json() == {"bytes": TRIED_BYTES}
    assert browser.post("/ui/connect/size", content=b"x").status_code == 403
    response = browser.post("/ui/connect/size", content=body * 4, headers={"X-Harbor-CSRF-Token": code})
    assert response.json()["bytes"] < len(body) * 4
