"""Signing in with a real OpenID provider: accounts, names, groups, standing, and what is refused."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from ipaddress import ip_network

import httpx
import pytest

from registry.config import Config
from storage.metadata import users, vouchings
from tests.http.serving import PASSWORD, Registry, populate, running
from tests.sign_in.modes import come_from
from tests.sign_in.providers import SECRET, OidcServer, oidc_server, sign_in_there

pytestmark = pytest.mark.servers
CODE = "X-Harbor-CSRF-Token"
PEOPLE = {
    "ann": {"email": "ann@example.com", "email_verified": True, "groups": ["crew", "bosses"], "name": "Ann"},
    "bob": {"email": "pat@example.com", "email_verified": False, "groups": ["crew"]},
    "eve": {"preferred_username": "pat"},
    "odd": {"preferred_username": "a,b"},
    "kim": {},
    "new": {},
    "ida": {"groups": ["crew"]},
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(
        data=tmp_path_factory.mktemp("registry") / "data",
        admin_password=PASSWORD,
        sign_in_allowed_networks=(ip_network("127.0.0.1"),),
    )
    with running(config) as registry:
        configure(registry, auth_mode="oidc_auth")
        populate(registry)
        yield registry


@pytest.fixture(scope="module")
def provider(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    with oidc_server(tmp_path_factory.mktemp("oidc"), f"{registry.url}/c/oidc/callback", PEOPLE) as server:
        configure(
            registry,
            oidc_name="the tests'",
            oidc_endpoint=server.url,
            oidc_client_id="cove",
            oidc_client_secret=SECRET,
            oidc_scope="openid,profile,email,groups",
            oidc_groups_claim="groups",
            oidc_admin_group="bosses",
            oidc_auto_onboard=True,
        )
        yield server


def configure(registry: Registry, **values: object) -> None:
    response = registry.client("admin").put("/api/v2.0/configurations", json=values)
    assert response.status_code == 200, response.text


def arrive(registry: Registry, name: str, start: str = "/c/oidc/login") -> tuple[httpx.Client, httpx.Response]:
    browser = registry.client()
    return browser, sign_in_there(browser, f"{registry.url}{start}", name, registry.url)


def current(browser: httpx.Client) -> dict[str, object]:
    response = browser.get("/api/v2.0/users/current")
    assert response.status_code == 200, response.text
    user: dict[str, object] = response.json()
    return user


def test_person_comes_back_with_an_account_groups_and_standing(registry: Registry, provider: OidcServer) -> None:
    browser, response = arrive(registry, "ann", "/c/oidc/login?redirect_url=/projects")
    assert (response.status_code, response.headers["location"]) == (302, "/projects")
    user = current(browser)
    assert user.items() >= {"username": "ann", "email": "ann@example.com", "realname": "Ann"}.items()
    assert (user["sysadmin_flag"], user["admin_role_in_auth"]) == (True, True)
    groups = browser.get("/api/v2.0/usergroups").json()
    assert [(group["group_name"], group["group_type"]) for group in groups] == [("bosses", 3), ("crew", 3)]
    again, _ = arrive(registry, "ann")
    assert current(again)["user_id"] == user["user_id"]


def test_group_gives_its_role_to_whoever_comes_with_it(registry: Registry, provider: OidcServer) -> None:
    body = {"role_id": 2, "member_group": {"group_name": "crew", "group_type": 3}}
    registry.client("admin").post("/api/v2.0/projects/team/members", json=body)
    browser, _ = arrive(registry, "bob")
    assert browser.get("/api/v2.0/projects/team").json()["current_user_role_id"] == 2
    configure(registry, oidc_group_filter="^boss")
    browser, _ = arrive(registry, "bob")
    assert browser.get("/api/v2.0/projects/team").status_code == 403
    configure(registry, oidc_group_filter="")


def test_address_that_nobody_has_checked_is_not_taken(registry: Registry, provider: OidcServer) -> None:
    browser, _ = arrive(registry, "bob")
    assert "email" not in current(browser)


def test_administrator_by_a_group_is_none_without_it(registry: Registry, provider: OidcServer) -> None:
    configure(registry, oidc_admin_group="crew")
    browser, _ = arrive(registry, "bob")
    assert current(browser)["sysadmin_flag"] is True
    for admins in ("bosses", "crew", ""):
        configure(registry, oidc_admin_group=admins)
        browser, _ = arrive(registry, "bob")
        assert current(browser)["sysadmin_flag"] is (admins == "crew")
    configure(registry, oidc_admin_group="bosses")


def test_docker_signs_in_with_the_secret_that_its_owner_has_chosen(registry: Registry, provider: OidcServer) -> None:
    browser, response = arrive(registry, "bob")
    user_id, code = current(browser)["user_id"], {CODE: response.headers[CODE]}
    assert registry.client("bob").get("/service/token").status_code == 401
    path, secret = f"/api/v2.0/users/{user_id}/cli_secret", "Secret-for-docker1"
    assert browser.put(path, json={"secret": secret}, headers=code).status_code == 200
    assert registry.client("bob", secret).get("/service/token").status_code == 200
    page = registry.client()
    told = {CODE: page.post("/c/login").headers[CODE]}
    assert page.post("/c/login", data={"principal": "bob", "password": secret}, headers=told).status_code == 401


def hours_pass(registry: Registry, name: str, hours: int = 2) -> None:
    """Since the other system was asked for somebody."""
    with registry.database.write() as tx:
        user = users.find(tx, name)
        assert user
        record = vouchings.find(tx, user.id)
        assert record
        age = hours * 60 * 60 * 1000
        aged = replace(record, asked_at=record.asked_at - age, confirmed_at=record.confirmed_at - age)
        vouchings.put_record(tx, aged)


def test_secret_for_docker_is_worth_what_the_provider_says_of_its_owner(
    registry: Registry, provider: OidcServer
) -> None:
    configure(
        registry,
        oidc_scope="openid,profile,email,groups,offline_access",
        oidc_extra_redirect_parms='{"prompt": "consent"}',
    )
    browser, response = arrive(registry, "ida")
    configure(registry, oidc_scope="openid,profile,email,groups", oidc_extra_redirect_parms="{}")
    registry.client("admin").post("/api/v2.0/projects", json={"project_name": "ours"})
    body = {"role_id": 2, "member_group": {"group_name": "crew", "group_type": 3}}
    assert registry.client("admin").post("/api/v2.0/projects/ours/members", json=body).status_code == 201
    path, secret = f"/api/v2.0/users/{current(browser)['user_id']}/cli_secret", "Secret-for-docker1"
    browser.put(path, json={"secret": secret}, headers={CODE: response.headers[CODE]})
    arrive(registry, "ida")  # which gives no token to ask with, and leaves the one that there is
    program = registry.client("ida", secret)

    def role() -> int:
        return program.get("/api/v2.0/projects/ours").status_code

    assert role() == 200
    provider.put_person("ida", {"groups": ["others"]})
    assert role() == 200
    hours_pass(registry, "ida")
    assert role() == 403
    provider.put_person("ida", {"groups": ["crew"]})
    hours_pass(registry, "ida")
    assert role() == 200
    provider.put_person("ida", None)
    hours_pass(registry, "ida")
    assert [role(), role(), registry.client("ida", secret).get("/service/token").status_code] == [401, 401, 401]
    assert browser.get("/api/v2.0/users/current").status_code == 401
    provider.put_person("ida", {"groups": ["crew"]})
    arrive(registry, "ida")
    assert role() == 200


def test_newcomer_chooses_a_name_where_names_are_not_given(registry: Registry, provider: OidcServer) -> None:
    configure(registry, oidc_auto_onboard=False)
    browser, response = arrive(registry, "new", "/c/oidc/login?redirect_url=/x")
    assert response.headers["location"] == "/ui/oidc-onboard?username=new&redirect_url=%2Fx"
    assert browser.get("/api/v2.0/users/current").status_code == 401
    told = {CODE: browser.post("/c/oidc/onboard").headers[CODE]}

    def choose(name: str) -> int:
        return browser.post("/c/oidc/onboard", data={"username": name}, headers=told).status_code

    sealed = {cookie.name: cookie.value or "" for cookie in browser.cookies.jar if "newcomer" in cookie.name}

    def again(name: str) -> int:
        """With what the browser has used before."""
        answer = registry.client().post("/c/oidc/onboard")
        replay = registry.client()
        replay.cookies.update({**sealed, **dict(answer.cookies)})
        return replay.post("/c/oidc/onboard", data={"username": name}, headers={CODE: answer.headers[CODE]}).status_code

    assert [choose("pat"), choose("a,b"), choose("")] == [409, 400, 400]
    assert choose("newcomer") == 200
    assert current(browser)["username"] == "newcomer"
    assert again("another") == 401
    known, response = arrive(registry, "new")
    assert (response.headers["location"], current(known)["username"]) == ("/", "newcomer")
    configure(registry, oidc_auto_onboard=True)


def test_page_offers_the_provider_and_newcomers_choose_a_name_there(registry: Registry, provider: OidcServer) -> None:
    page = registry.client().get("/ui/sign-in?next=/ui/projects?q=a")
    assert 'href="/c/oidc/login?redirect_url=/ui/projects%3Fq%3Da"' in page.text
    assert "Sign in with the tests&#39;" in page.text
    configure(registry, oidc_auto_onboard=False, primary_auth_mode=True)
    assert "<summary>With a password</summary>" in registry.client().get("/ui/sign-in").text
    browser, response = arrive(registry, "kim", "/c/oidc/login?redirect_url=/ui/projects")
    address = response.headers["location"]
    page = browser.get(address)
    assert 'name="name" value="kim"' in page.text
    proof = re.findall(r'name="proof" value="([^"]+)"', page.text)[0]

    def choose(name: str, proof: str = proof) -> httpx.Response:
        return browser.post("/ui/oidc-onboard", data={"name": name, "proof": proof})

    assert [choose(name).status_code for name in ("pat", "a,b", "")] == [422, 422, 422]
    assert choose("kim", "other").status_code == 403
    chosen = choose("kim")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/ui/projects")
    assert current(browser)["username"] == "kim"
    proof = re.findall(r'name="proof" value="([^"]+)"', browser.get("/ui/account").text)[0]
    assert choose("kim2", proof).headers["location"] == "/ui/sign-in"
    configure(registry, oidc_auto_onboard=True, primary_auth_mode=False)


def test_browser_sees_a_page_where_it_is_not_let_in(registry: Registry, provider: OidcServer) -> None:
    response = registry.client().get("/c/oidc/callback", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "try again" in response.text


def test_nobody_is_let_in_by_the_name_of_another_account(registry: Registry, provider: OidcServer) -> None:
    browser, response = arrive(registry, "eve")
    assert response.status_code == 409
    assert browser.get("/api/v2.0/users/current").status_code == 401
    _, response = arrive(registry, "odd")
    assert response.status_code == 400


def test_account_that_is_disabled_is_not_let_in(registry: Registry, provider: OidcServer) -> None:
    arrive(registry, "bob")
    registry.users.disable("bob")
    _, response = arrive(registry, "bob")
    assert response.status_code == 401
    registry.users.enable("bob")


@pytest.mark.parametrize("missing", ["cookie", "state", "code"])
def test_answer_that_the_browser_did_not_ask_for_is_refused(
    registry: Registry, provider: OidcServer, missing: str
) -> None:
    browser = registry.client()
    browser.get("/c/oidc/login")
    if missing == "cookie":
        browser.cookies.clear()
    query = {"state": "x", "code": "x"}
    del query["state" if missing == "state" else "code"]
    assert browser.get("/c/oidc/callback", params=query).status_code == 401


def test_code_is_good_for_the_browser_that_began_and_once(registry: Registry, provider: OidcServer) -> None:
    browser = registry.client()
    answer = sign_in_there(browser, f"{registry.url}/c/oidc/login", "ann", registry.url)
    callback = str(answer.request.url)
    assert registry.client().get(callback).status_code == 401
    assert browser.get(callback).status_code == 401


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", "/a b"])
def test_browser_is_sent_to_no_other_site_afterwards(registry: Registry, provider: OidcServer, target: str) -> None:
    assert registry.client().get("/c/oidc/login", params={"redirect_url": target}).status_code == 400


def test_wrong_client_secret_lets_nobody_in(registry: Registry, provider: OidcServer) -> None:
    configure(registry, oidc_client_secret="wrong")
    _, response = arrive(registry, "ann")
    assert response.status_code == 401
    assert "answers /token with 401" in response.json()["errors"][0]["message"]
    configure(registry, oidc_client_secret=SECRET)


def test_provider_is_looked_for(registry: Registry, provider: OidcServer) -> None:
    admin, path = registry.client("admin"), "/api/v2.0/system/oidc/ping"
    assert admin.post(path, json={"url": provider.url, "verify_cert": True}).status_code == 200
    assert admin.post(path, json={"url": registry.url}).status_code == 400
    assert admin.post(path, json={"url": "http://127.0.0.1:1"}).status_code == 400
    assert admin.post(path, json={"url": "file:///etc"}).status_code == 400
    assert registry.client("pat").post(path, json={"url": provider.url}).status_code == 403


def test_provider_inside_the_network_is_asked_only_where_that_is_allowed(registry: Registry) -> None:
    admin, path = registry.client("admin"), "/api/v2.0/system/oidc/ping"
    for host in ("127.0.0.2", "127.2", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]"):
        response = admin.post(path, json={"url": f"http://{host}:1"})
        assert response.status_code == 400
        assert "sign_in_allowed_networks" in response.json()["errors"][0]["message"], host


def test_browser_is_signed_out_there_too_where_that_is_set(registry: Registry, provider: OidcServer) -> None:
    browser, _ = arrive(registry, "ann")
    configure(registry, oidc_logout=True)
    response = browser.get("/c/log_out")
    assert response.status_code == 302
    assert response.headers["location"].startswith(f"{provider.url}/session/end?client_id=cove&post_logout")
    assert browser.get("/api/v2.0/users/current").status_code == 401
    browser, _ = arrive(registry, "ann")
    page = leave_by_the_page(browser)
    [address] = re.findall(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)
    assert address.startswith(f"{provider.url}/session/end?client_id=cove&amp;post_logout")
    assert httpx.get(unescape(address)).status_code == 200
    assert browser.get("/api/v2.0/users/current").status_code == 401


def leave_by_the_page(browser: httpx.Client) -> httpx.Response:
    [proof] = set(re.findall(r'name="proof" value="([^"]+)"', browser.get("/ui/").text))
    return browser.post("/ui/sign-out", data={"proof": proof})


def test_browser_is_signed_out_here_where_the_provider_does_not_answer_or_that_is_not_set(
    registry: Registry, provider: OidcServer
) -> None:
    for values in ({"oidc_logout": False}, {"oidc_logout": True, "oidc_endpoint": "http://127.0.0.1:1"}):
        browser, _ = arrive(registry, "ann")
        configure(registry, **values)
        assert leave_by_the_page(browser).headers["location"] == "/ui/sign-in"
        assert browser.get("/api/v2.0/users/current").status_code == 401
    configure(registry, oidc_logout=False, oidc_endpoint=provider.url)


def test_nobody_registers_where_people_come_from_elsewhere(registry: Registry, provider: OidcServer) -> None:
    configure(registry, self_registration=True)
    page = registry.client()
    told = {CODE: page.post("/api/v2.0/users").headers.get(CODE, "")}
    wanted = {"username": "early", "password": PASSWORD, "email": "early@example.com", "realname": "Early"}
    assert page.post("/api/v2.0/users", json=wanted, headers=told).status_code == 401
    configure(registry, self_registration=False)


def test_accounts_with_passwords_sign_in_as_before(registry: Registry, provider: OidcServer) -> None:
    assert registry.client("pat").get("/api/v2.0/users/current").status_code == 200
    assert registry.client().get("/api/v2.0/systeminfo").json()["oidc_provider_name"] == "the tests'"


def test_provider_that_does_not_answer_is_told(registry: Registry, provider: OidcServer) -> None:
    configure(registry, oidc_endpoint="http://127.0.0.1:1")
    response = registry.client().get("/c/oidc/login")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (503, "UNAVAILABLE")
    configure(registry, oidc_endpoint=provider.url)


def test_registry_without_a_provider_sends_nobody_away(registry: Registry, provider: OidcServer) -> None:
    with come_from(registry, "db_auth", "oidc_auth"):
        assert "/c/oidc/login" not in registry.client().get("/ui/sign-in").text
        assert registry.client().get("/c/oidc/login").status_code == 412
