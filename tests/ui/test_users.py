"""Accounts on the page: administrators make and remove them, and everybody looks after their own."""

import pytest

from tests.http.serving import PASSWORD, Registry
from tests.ui.conftest import Browsers, fresh

NEW = {"name": "newcomer", "real_name": "New Comer", "email": "new@example.com", "password": PASSWORD}


def number(registry: Registry, name: str) -> int:
    return registry.users.find(name).id


@pytest.mark.parametrize("path", ["/ui/users", "/ui/new-user", "/ui/users/2/delete"])
def test_accounts_are_for_administrators(browsers: Browsers, path: str) -> None:
    assert browsers("admin").get(path).status_code == 200
    assert browsers("pat").get(path).status_code == 403
    assert browsers(None).get(path).status_code == 303
    assert "/ui/users" not in browsers("pat").get("/ui/").text


def test_account_is_made_becomes_an_administrators_and_goes(registry: Registry, browsers: Browsers) -> None:
    admin = browsers("admin")
    assert admin.send_form("/ui/new-user", **NEW).status_code == 303
    assert "User newcomer was made." in admin.get("/ui/users").text
    user = f"/ui/users/{number(registry, 'newcomer')}"
    newcomer = fresh(registry)
    assert newcomer.sign_in("newcomer").status_code == 303
    assert newcomer.get("/ui/users").status_code == 403
    admin.send_form("/ui/users", f"{user}/admin", admin="true")
    assert registry.users.find("newcomer").is_admin
    admin.send_form("/ui/users", f"{user}/admin", admin="false")
    assert not registry.users.find("newcomer").is_admin
    assert admin.send_form(f"{user}/delete", name="other").status_code == 422
    assert admin.send_form(f"{user}/delete", name="newcomer").status_code == 303
    assert newcomer.get("/ui/").status_code == 303


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "pat"}, "There is a user with this name or address already."),
        ({"password": "weak"}, "The account was not made:"),
        ({"email": "nowhere"}, "is not an e-mail address"),
    ],
)
def test_refused_account_is_not_made_and_the_reason_is_told(
    browsers: Browsers, changed: dict[str, str], said: str
) -> None:
    response = browsers("admin").send_form("/ui/new-user", **(NEW | changed))
    assert response.status_code == 422
    assert said in response.text
    assert PASSWORD not in response.text


def test_first_administrator_cannot_be_deleted(registry: Registry, browsers: Browsers) -> None:
    response = browsers("admin").send_form(f"/ui/users/{number(registry, 'admin')}/delete", name="admin")
    assert response.status_code == 422
    assert "cannot be deleted" in response.text


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
    here, there = fresh(registry), fresh(registry)
    there.sign_in("bob")
    here.sign_in("bob")
    assert here.get("/ui/account").text.count("/end") == 1
    [end] = [part.split('"')[0] for part in here.get("/ui/account").text.split('action="')[1:] if "/end" in part[:60]]
    stranger = fresh(registry)
    stranger.sign_in("stan")
    assert stranger.send_form("/ui/account", end).status_code == 404
    assert there.get("/ui/").status_code == 200
    assert here.send_form("/ui/account", end).status_code == 303
    assert there.get("/ui/").status_code == 303
