"""One's own account on the page: what others see of it, its secrets, and where it is signed in."""

import html
import re

import httpx
import pytest

from storage.metadata.tables import users
from tests.http.serving import PASSWORD, Registry
from tests.ui.conftest import Browsers, fresh

ACCOUNT, NEW_TOKEN = "/ui/account", "/ui/account/tokens/new"


def secret_in(response: httpx.Response) -> tuple[str, str]:
    """The name and the secret of the page that shows them."""
    assert response.status_code == 200
    name, secret = (html.unescape(each) for each in re.findall(r'data-copy="([^"]+)"', response.text)[:2])
    return name, secret


def test_own_profile_is_changed(registry: Registry) -> None:
    registry.users.create("una", PASSWORD)
    una = fresh(registry)
    una.sign_in("una")
    assert una.send_form(ACCOUNT, real_name="Una", email="una@example.com").headers["location"] == ACCOUNT
    assert 'value="una@example.com"' in una.get(ACCOUNT).text
    assert "The account was not changed:" in una.send_form(ACCOUNT, real_name="", email="una@example.com").text
    registry.users.create("ulf", PASSWORD)
    ulf = fresh(registry)
    ulf.sign_in("ulf")
    assert "name or address already" in ulf.send_form(ACCOUNT, real_name="Ulf", email="una@example.com").text


def test_language_and_colours_are_chosen_in_the_account(browsers: Browsers) -> None:
    gus = browsers("gus")
    assert gus.send_form(ACCOUNT, "/ui/preferences", language="zh-CN", theme="dark", next=ACCOUNT).status_code == 303
    page = gus.get(ACCOUNT).text
    assert '<html lang="zh-CN" data-theme="dark">' in page
    assert '<option value="dark" selected>' in page
    gus.send_form(ACCOUNT, "/ui/preferences", language="en", theme="auto", next=ACCOUNT)


def test_token_does_what_it_was_made_for_until_it_is_revoked(registry: Registry, browsers: Browsers) -> None:
    dev = browsers("dev")
    fields = {"days": "30", "bounds": "chosen", "access": "repository:pull", "where": "chosen", "projects": "team"}
    name, secret = secret_in(dev.send_form(NEW_TOKEN, name="reader", **fields))
    assert name == "dev"
    with registry.client("dev", secret) as reader:
        assert reader.get("/v2/team/app/manifests/1.0").status_code == 200
        assert reader.post("/v2/team/app/blobs/uploads/").status_code == 403
        assert reader.post("/v2/open/app/blobs/uploads/").status_code == 403
    _, whole = secret_in(dev.send_form(NEW_TOKEN, name="writer", days="365", bounds="all"))
    assert registry.client("dev", whole).post("/v2/team/app/blobs/uploads/").status_code == 202
    page = dev.get(ACCOUNT).text
    assert "reader" in page
    assert secret not in page
    [first, _] = re.findall(r'action="(/ui/account/tokens/[0-9]+/revoke)"', page)
    stranger = browsers("stan")
    assert stranger.send_form(ACCOUNT, first).status_code == 404
    assert dev.send_form(ACCOUNT, first).headers["location"] == ACCOUNT
    assert registry.client("dev", secret).get("/v2/team/app/manifests/1.0").status_code == 401


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bounds": "chosen"}, "must not be empty"),
        ({"bounds": "all", "name": "x" * 300}, "1 to 255 printable characters"),
        ({"bounds": "all", "days": "12345"}, "choose how long it lives"),
    ],
)
def test_refused_token_is_not_made_and_told_why(browsers: Browsers, fields: dict[str, str], said: str) -> None:
    response = browsers("stan").send_form(NEW_TOKEN, **({"name": "odd", "days": "30"} | fields))
    assert response.status_code == 422
    assert said in response.text


def test_token_of_a_name_that_is_taken_is_refused(browsers: Browsers) -> None:
    for status in (200, 422):
        assert browsers("stan").send_form(NEW_TOKEN, name="one", days="30", bounds="all").status_code == status


def test_account_that_signs_in_elsewhere_has_a_secret_for_programs(registry: Registry) -> None:
    registry.users.create("olga", PASSWORD)
    olga = fresh(registry)
    olga.sign_in("olga")
    assert olga.send_form(ACCOUNT, "/ui/account/secret").status_code == 404
    with registry.database.write() as tx:
        tx.execute(users.update().where(users.c.name == "olga").values(source="oidc"))
    page = olga.get(ACCOUNT).text
    assert "Secret for the command line" in page
    assert "Present password" not in page
    name, secret = secret_in(olga.send_form(ACCOUNT, "/ui/account/secret"))
    assert registry.client(name, secret).get("/v2/").status_code == 200
    assert registry.client(name, PASSWORD).get("/v2/").status_code == 401
    assert olga.get(ACCOUNT).status_code == 303


def test_own_password_takes_the_old_one_and_signs_out_everywhere(registry: Registry) -> None:
    registry.users.create("ann", PASSWORD)
    here, there = fresh(registry), fresh(registry)
    here.sign_in("ann")
    there.sign_in("ann")
    wrong = here.send_form("/ui/account", "/ui/account/password", old="Not-this-1", new="Another-horse1")
    assert "The present password is another." in wrong.text
    weak = here.send_form("/ui/account", "/ui/account/password", old=PASSWORD, new="weak")
    assert "The password was not changed:" in weak.text
    done = here.send_form("/ui/account", "/ui/account/password", old=PASSWORD, new="Another-horse1")
    assert done.headers["location"] == "/ui/sign-in"
    assert there.get("/ui/").status_code == 303
    assert here.sign_in("ann", "Another-horse1").status_code == 303


def test_other_places_are_signed_out_from_here_but_those_of_others_are_not(registry: Registry) -> None:
    registry.users.create("bob", PASSWORD)
    here, there, elsewhere = fresh(registry), fresh(registry), fresh(registry)
    for browser in (there, elsewhere, here):
        browser.sign_in("bob")
    ends = re.findall(r'action="(/ui/account/sessions/[0-9]+/end)"', here.get(ACCOUNT).text)
    assert len(ends) == 2
    stranger = fresh(registry)
    stranger.sign_in("stan")
    assert stranger.send_form("/ui/account", ends[0]).status_code == 404
    assert here.send_form("/ui/account", ends[0]).status_code == 303
    assert sorted(browser.get("/ui/").status_code for browser in (there, elsewhere)) == [200, 303]
    assert here.send_form("/ui/account", "/ui/account/sessions/end").status_code == 303
    assert there.get("/ui/").status_code == elsewhere.get("/ui/").status_code == 303
    assert here.get("/ui/").status_code == stranger.get("/ui/").status_code == 200
