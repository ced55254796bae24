"""Accounts on the page: administrators make and remove them, and everybody looks after their own."""

import pytest

from tests.http.serving import PASSWORD, Registry
from tests.ui.conftest import Browsers, fresh

NEW = {"name": "newcomer", "real_name": "New Comer", "email": "new@example.com", "password": PASSWORD}


def number(registry: Registry, name: str) -> int:
    return registry.users.find(name).id


@pytest.mark.parametrize("path", ["/ui/users", "/ui/new-user", "/ui/users/2", "/ui/users/2/delete"])
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


def test_profile_and_password_are_changed_for_somebody(registry: Registry, browsers: Browsers) -> None:
    admin = browsers("admin")
    registry.users.create("rob", PASSWORD)
    user, rob = f"/ui/users/{number(registry, 'rob')}", fresh(registry)
    rob.sign_in("rob")
    assert admin.send_form(user, real_name="Rob", email="rob@example.com", comment="Left").headers["location"] == user
    assert 'value="rob@example.com"' in admin.get(user).text
    assert "is not an e-mail address" in admin.send_form(user, real_name="Rob", email="nowhere").text
    other = f"/ui/users/{number(registry, 'stan')}"
    taken = admin.send_form(other, real_name="Stan", email="rob@example.com")
    assert "There is a user with this name or address already." in taken.text
    assert "The password was not changed:" in admin.send_form(user, f"{user}/password", password="weak").text
    assert admin.send_form(user, f"{user}/password", password="Another-horse1").status_code == 303
    assert rob.get("/ui/").status_code == 303
    assert rob.sign_in("rob", "Another-horse1").status_code == 303


def test_account_is_disabled_and_enabled_but_not_ones_own(registry: Registry, browsers: Browsers) -> None:
    admin = browsers("admin")
    registry.users.create("dora", PASSWORD)
    user, dora = f"/ui/users/{number(registry, 'dora')}", fresh(registry)
    dora.sign_in("dora")
    assert admin.send_form(user, f"{user}/disabled", disabled="true").status_code == 303
    assert dora.get("/ui/").status_code == 303
    assert dora.sign_in("dora").status_code == 401
    admin.send_form(user, f"{user}/disabled", disabled="false")
    assert dora.sign_in("dora").status_code == 303
    own = f"/ui/users/{number(registry, 'admin')}"
    assert "own account cannot be disabled" in admin.send_form(own, f"{own}/disabled", disabled="true").text
    assert "The last administrator stays one" in admin.send_form(own, f"{own}/admin", admin="false").text
    assert f"{own}/disabled" not in admin.get(own).text


def test_roles_of_somebody_are_given_changed_and_taken_in_one_place(registry: Registry, browsers: Browsers) -> None:
    admin = browsers("admin")
    registry.users.create("rita", PASSWORD)
    user, rita = f"/ui/users/{number(registry, 'rita')}", fresh(registry)
    rita.sign_in("rita")
    assert admin.send_form(user, f"{user}/members", project="team", role="3").status_code == 303
    assert rita.get("/ui/projects/team").status_code == 200
    assert "a member already" in admin.send_form(user, f"{user}/members", project="team", role="3").text
    assert "There is no project" in admin.send_form(user, f"{user}/members", project="nowhere", role="3").text
    member = f"{user}/members/" + admin.get(user).text.partition(f"{user}/members/")[2].partition('"')[0]
    assert admin.send_form(user, member, role="1").status_code == 303
    assert rita.get("/ui/projects/team/settings").status_code == 200
    assert admin.send_form(user, f"{member}/remove").status_code == 303
    assert rita.get("/ui/projects/team").status_code == 404
    assert admin.send_form(user, member, role="1").status_code == 404
    assert "member" in admin.get(f"/ui/users/{number(registry, 'admin')}").text.partition("Recent activity")[2]


def test_projects_go_to_whom_the_administrator_names_when_an_account_is_deleted(
    registry: Registry, browsers: Browsers
) -> None:
    admin, lead = browsers("admin"), fresh(registry)
    registry.users.create("lead", PASSWORD)
    lead.sign_in("lead")
    assert lead.send_form("/ui/new-project", name="orphan").status_code == 303
    delete = f"/ui/users/{number(registry, 'lead')}/delete"
    assert "It is the only administrator of 1 project:" in admin.get(delete).text
    for nobody in ("ghost", "lead"):
        assert "Name another user" in admin.send_form(delete, name="lead", heir=nobody).text
    assert admin.send_form(delete, name="lead", heir="stan").status_code == 303
    assert browsers("stan").get("/ui/projects/orphan/settings").status_code == 200
    assert browsers("stan").send_form("/ui/projects/orphan/delete", name="orphan").status_code == 303


def test_tokens_and_sessions_of_somebody_are_ended(registry: Registry, browsers: Browsers) -> None:
    registry.users.create("tom", PASSWORD)
    admin, first, second = browsers("admin"), fresh(registry), fresh(registry)
    for browser in (first, second):
        browser.sign_in("tom")
    made = first.send_form("/ui/account/tokens/new", name="laptop", days="30", bounds="all")
    assert made.status_code == 200
    user = f"/ui/users/{number(registry, 'tom')}"
    page = admin.get(user).text
    assert "laptop" in page
    token = f"{user}/tokens/" + page.partition(f"{user}/tokens/")[2].partition('"')[0]
    assert admin.send_form(user, token).status_code == 303
    assert "laptop" not in first.get("/ui/account").text
    session = f"{user}/sessions/" + page.partition(f'action="{user}/sessions/')[2].partition('"')[0]
    assert session.endswith("/sessions/end")
    [one, _] = [part.partition('"')[0] for part in page.split(f'action="{user}/sessions/')[2:]]
    assert admin.send_form(user, f"{user}/sessions/{one}").status_code == 303
    assert sorted([first.get("/ui/").status_code, second.get("/ui/").status_code]) == [200, 303]
    assert admin.send_form(user, session).status_code == 303
    assert first.get("/ui/").status_code == second.get("/ui/").status_code == 303
    assert admin.get("/ui/").status_code == 200
