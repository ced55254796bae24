"""Signing in with a browser: cookies, and the code that keeps other sites from using them."""

import re

import httpx
import pytest

from registry.config import Config
from tests.api.conftest import Api, changed_settings
from tests.http.serving import PASSWORD, Registry, running

CODE = "X-Harbor-CSRF-Token"
NEW = {"username": "newcomer", "password": PASSWORD, "email": "new@example.com", "realname": "New"}


@pytest.fixture
def browser(registry: Registry) -> httpx.Client:
    """One that nobody has signed in with."""
    return registry.client()


def told(browser: httpx.Client) -> dict[str, str]:
    """What to send with a change, as any refused one tells it."""
    response = browser.post("/c/login")
    assert response.status_code == 403
    return {CODE: response.headers[CODE]}


def sign_in(browser: httpx.Client, name: str = "pat", password: str = PASSWORD) -> httpx.Response:
    return browser.post("/c/login", data={"principal": name, "password": password}, headers=told(browser))


def test_browser_signs_in_uses_the_api_and_signs_out(browser: httpx.Client) -> None:
    response = sign_in(browser)
    assert (response.status_code, response.content) == (200, b"")
    assert browser.get("/api/v2.0/users/current").json()["username"] == "pat"
    changed = browser.put(
        "/api/v2.0/projects/team", json={"metadata": {"severity": "low"}}, headers={CODE: response.headers[CODE]}
    )
    assert changed.status_code == 200
    assert browser.get("/c/log_out").status_code == 200
    assert "sid" not in browser.cookies
    assert browser.get("/api/v2.0/users/current").status_code == 401


def test_cookies_are_for_this_registry_alone(browser: httpx.Client, registry: Registry) -> None:
    given = sign_in(browser).headers.get_list("set-cookie")
    [session] = [cookie for cookie in given if cookie.startswith("sid=")]
    assert re.fullmatch(r"sid=[A-Za-z0-9]{43}; HttpOnly; Path=/; SameSite=lax", session)
    refused = registry.client().post("/c/login")
    [proof] = refused.headers.get_list("set-cookie")
    assert re.fullmatch(r"_gorilla_csrf=[A-Za-z0-9_-]{43}; HttpOnly; Path=/; SameSite=strict", proof)
    assert "=" not in refused.headers[CODE]


def test_cookies_are_sent_over_https_only_where_the_registry_is_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = Config(
        data=tmp_path_factory.mktemp("tls") / "data", admin_password=PASSWORD, public_url="https://registry.example"
    )
    with running(config) as registry:
        assert "; Secure" in registry.client().post("/c/login").headers["set-cookie"]


@pytest.mark.parametrize("wrong", [{}, {CODE: "x"}, {CODE: "\xff"}])
def test_change_that_another_site_may_have_asked_for_is_refused_and_tells_the_code(
    browser: httpx.Client, wrong: dict[str, str]
) -> None:
    sign_in(browser)
    path, body = "/api/v2.0/projects/team", {"metadata": {"severity": "low"}}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in wrong.items()]
    refused = browser.put(path, json=body, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "FORBIDDEN")
    assert refused.json()["errors"][0]["message"].startswith("CSRF token")
    assert browser.put(path, json=body, headers={CODE: refused.headers[CODE]}).status_code == 200


def test_client_that_has_only_the_session_gets_cookie_and_code_with_the_refusal(
    browser: httpx.Client, registry: Registry
) -> None:
    sign_in(browser)
    other = registry.client()
    other.cookies.set("sid", browser.cookies["sid"])
    refused = other.put("/api/v2.0/projects/team", json={})
    assert refused.status_code == 403
    assert len(refused.headers.get_list("set-cookie")) == len(refused.headers.get_list(CODE)) == 1
    assert other.put("/api/v2.0/projects/team", json={}, headers={CODE: refused.headers[CODE]}).status_code == 200


def test_code_of_one_session_is_no_good_for_another(browser: httpx.Client) -> None:
    code = sign_in(browser).headers[CODE]
    sign_in(browser)
    assert browser.put("/api/v2.0/projects/team", json={}, headers={CODE: code}).status_code == 403


def test_code_is_told_with_whatever_a_browser_reads(browser: httpx.Client) -> None:
    code = sign_in(browser).headers[CODE]
    assert browser.get("/api/v2.0/projects/team").headers[CODE] == code


def test_signing_in_gives_another_secret_and_ends_the_old_one(browser: httpx.Client, registry: Registry) -> None:
    sign_in(browser)
    old = browser.cookies["sid"]
    sign_in(browser)
    assert browser.cookies["sid"] != old
    other = registry.client()
    other.cookies.set("sid", old)
    assert other.get("/api/v2.0/users/current").status_code == 401


def test_credentials_need_no_code_and_get_no_cookie_also_beside_a_session(
    api: Api, browser: httpx.Client, registry: Registry
) -> None:
    sign_in(browser)
    client = registry.client("pat")
    client.cookies.set("sid", browser.cookies["sid"])
    response = client.put("/api/v2.0/projects/team", json={})
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    assert CODE not in response.headers


def test_wrong_credentials_are_not_made_good_by_a_session(browser: httpx.Client, registry: Registry) -> None:
    sign_in(browser)
    client = registry.client("pat", "Wrong-horse1")
    client.cookies.set("sid", browser.cookies["sid"])
    assert client.get("/api/v2.0/users/current").status_code == 401


def test_session_is_no_credential_for_images(browser: httpx.Client) -> None:
    sign_in(browser)
    assert browser.get("/v2/").status_code == 401
    assert browser.get("/v2/team/app/manifests/1").status_code == 401


@pytest.mark.parametrize(
    ("name", "password"), [("pat", "Wrong-horse1"), ("nobody", PASSWORD), ("", PASSWORD), ("a\nb", PASSWORD)]
)
def test_wrong_name_or_password_does_not_sign_in(browser: httpx.Client, name: str, password: str) -> None:
    response = sign_in(browser, name, password)
    assert response.status_code == 401
    assert "sid" not in response.cookies


def test_robot_does_not_sign_in_with_a_browser(api: Api, browser: httpx.Client) -> None:
    permissions = [{"kind": "project", "namespace": "team", "access": [{"resource": "repository", "action": "pull"}]}]
    wish = {"name": "page", "level": "project", "duration": -1, "permissions": permissions}
    robot = api("admin").post("robots", json=wish).json()
    assert sign_in(browser, robot["name"], robot["secret"]).status_code == 401


def test_password_that_changes_signs_out(api: Api, browser: httpx.Client) -> None:
    api("admin").post("users", json={**NEW, "username": "leaver", "email": "leaver@example.com"})
    code = sign_in(browser, "leaver").headers[CODE]
    own = browser.get("/api/v2.0/users/current").json()["user_id"]
    passwords = {"old_password": PASSWORD, "new_password": "Other-horse2"}
    path = f"/api/v2.0/users/{own}/password"
    assert browser.put(path, json=passwords, headers={CODE: code}).status_code == 200
    assert browser.get("/api/v2.0/users/current").status_code == 401


def test_people_register_themselves_where_they_may_with_a_page_alone(api: Api, browser: httpx.Client) -> None:
    assert browser.post("/api/v2.0/users", json=NEW, headers=told(browser)).status_code == 401
    with changed_settings(api, self_registration=True):
        assert api(None).post("users", json=NEW).status_code == 403
        assert api("stan").post("users", json=NEW).status_code == 403
        assert browser.post("/api/v2.0/users", json=NEW, headers=told(browser)).status_code == 201
    assert sign_in(browser, "newcomer").status_code == 200
    [entry] = api("admin").get("audit-logs?q=resource=newcomer,operation=create").json()
    assert entry["username"] == "newcomer"


def test_name_that_is_taken_is_told_to_those_who_may_know(api: Api, browser: httpx.Client) -> None:
    def exists(target: str, value: str) -> httpx.Response:
        return browser.post("/c/userExists", data={"target": target, "value": value}, headers=told(browser))

    assert exists("username", "pat").status_code == 401
    with changed_settings(api, self_registration=True):
        assert exists("username", "pat").json() is True
        assert exists("username", "unheard").json() is False
        assert exists("email", "unheard@example.com").json() is False
        assert exists("id", "1").status_code == 400


def test_signing_in_and_out_is_on_record(api: Api, browser: httpx.Client) -> None:
    sign_in(browser, "mia")
    browser.get("/c/log_out")
    logs = api("admin").get("audit-logs?q=username=mia,resource_type=user").json()
    assert [entry["operation"] for entry in logs] == ["logout", "login"]
