"""The link of the first start: whoever opens it first chooses the administrator's password."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth import setup
from registry.app import prepare
from registry.config import Config
from storage.metadata import facts, users
from tests.http.serving import Records, Registry, running
from tests.ui.conftest import Browser, fresh

CHOSEN = "Chosen-pass1"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(Config(data=tmp_path_factory.mktemp("setups") / "data", admin_password=CHOSEN)) as registry:
        yield registry


@pytest.fixture
def link(registry: Registry) -> str:
    """One for the present password."""
    with registry.database.write() as tx:
        user = users.find(tx, "admin")
        assert user
        return f"/ui/setup?token={setup.offer(tx, user)}"


def choose(browser: Browser, link: str, password: str, again: str = "") -> int:
    token = link.partition("=")[2]
    return browser.send_form(link, "/ui/setup", token=token, password=password, again=again or password).status_code


def test_first_start_offers_it_and_keeps_only_a_hash(tmp_path: Path) -> None:
    config = Records.place(Config(data=tmp_path / "data"))
    first = prepare(config)
    assert first
    assert first.setup_secret
    assert prepare(config) is None
    given = prepare(Records.place(Config(data=tmp_path / "given", admin_password=CHOSEN)))
    assert given
    assert given.setup_secret is None


def test_secret_itself_is_nowhere(registry: Registry, link: str) -> None:
    with registry.database.read() as tx:
        kept = facts.find(tx, "setup_link")
    assert kept
    assert link.partition("=")[2] not in kept


def test_password_is_chosen_once_and_signs_in(registry: Registry, link: str) -> None:
    browser = fresh(registry)
    assert choose(browser, link, "weak") == 422
    assert choose(browser, link, "Another-one1", again="Another-one2") == 422
    assert choose(browser, link, "Another-one1") == 303
    assert "Welcome, admin" in browser.get("/ui/").text
    assert registry.client("admin", "Another-one1").get("/api/v2.0/users/current").status_code == 200
    assert fresh(registry).get(link).status_code == 404
    registry.users.set_password("admin", CHOSEN)


def test_link_is_void_once_the_password_was_used(registry: Registry, link: str) -> None:
    assert fresh(registry).get(link).status_code == 200
    assert registry.client("admin", "Wrong-pass1").get("/v2/").status_code == 401
    assert fresh(registry).get(link).status_code == 200
    assert registry.client("admin", CHOSEN).get("/v2/").status_code == 200
    assert fresh(registry).get(link).status_code == 404


def test_link_is_void_once_the_password_was_changed(registry: Registry, link: str) -> None:
    registry.users.set_password("admin", f"{CHOSEN}2")
    assert fresh(registry).get(link).status_code == 404
    registry.users.set_password("admin", CHOSEN)


def test_other_links_lead_nowhere_and_nobody_else_uses_it(registry: Registry, link: str) -> None:
    browser = fresh(registry)
    for token in ("", "x", link.partition("=")[2][:-1], "é"):
        assert browser.get("/ui/setup", params={"token": token}).status_code == 404
    token = link.partition("=")[2]
    assert browser.post("/ui/setup", data={"token": token, "password": CHOSEN, "again": CHOSEN}).status_code == 403
    assert browser.get(link).status_code == 200
