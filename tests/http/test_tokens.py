"""The token service: who gets a token, for what, and in which form."""

import base64
import json
from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth.passwords import hash_password
from storage.clock import now_ms
from storage.metadata import users
from tests.http.conftest import Make
from tests.http.raw import Client, get
from tests.http.serving import PASSWORD, Registry, populate

Grants = dict[str, set[str]]


def granted(response: httpx.Response) -> Grants:
    """What the token in a response allows, read from its payload as nobody but a test does."""
    assert response.status_code == 200, response.text
    payload = response.json()["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    grants = {f"{grant['type']}:{grant['name']}": set(grant["actions"]) for grant in claims.get("access", [])}
    assert len(grants) == len(claims.get("access", []))
    return grants


def ask(registry: Registry, user: str | None, *scopes: str, **query: str) -> httpx.Response:
    parameters = {"service": "cove", "scope": list(scopes), **query}
    return registry.client(user).get("/service/token", params=parameters)


def post(registry: Registry, **form: object) -> httpx.Response:
    return registry.client().post("/service/token", data={"service": "cove", "client_id": "test", **form})


def sign_in(registry: Registry, user: str, password: str = PASSWORD, **form: object) -> httpx.Response:
    return post(registry, grant_type="password", username=user, password=password, **form)


def refusal(response: httpx.Response, status: int, code: str) -> str:
    """The message of an error in the one shape that errors have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    [error] = response.json()["errors"]
    assert error.keys() == {"code", "message", "detail"}
    assert error["code"] == code
    message: str = error["message"]
    return message


# The response


@pytest.mark.parametrize("form", ["get", "post"])
def test_response_has_the_fields_and_types_that_clients_read(registry: Registry, form: str) -> None:
    scope = "repository:team/app:pull,push"
    response = ask(registry, "dev", scope) if form == "get" else sign_in(registry, "dev", scope=scope)
    answer = response.json()
    assert answer.keys() == {"token", "access_token", "scope", "expires_in", "issued_at"}
    assert answer["token"] == answer["access_token"]
    assert answer["scope"] == scope
    assert type(answer["expires_in"]) is int
    assert answer["expires_in"] >= 1800
    assert answer["issued_at"].endswith("Z")
    assert datetime.fromisoformat(answer["issued_at"]).tzinfo is not None
    assert response.headers["cache-control"] == "no-store"


def test_token_without_scopes_is_good_for_signing_in(registry: Registry) -> None:
    response = ask(registry, "stan")
    assert granted(response) == {}
    assert response.json()["scope"] == ""
    assert registry.bearer(response.json()["token"]).get("/v2/").status_code == 200


def test_nobody_gets_a_token_for_public_pulls_only(registry: Registry) -> None:
    response = ask(registry, None, "repository:open/app:pull,push", "repository:team/app:pull", "registry:catalog:*")
    assert granted(response) == {"repository:open/app": {"pull"}}
    assert registry.bearer(response.json()["token"]).get("/v2/").status_code == 200


def test_account_and_client_id_of_a_request_mean_nothing(registry: Registry) -> None:
    response = ask(registry, "stan", "repository:team/app:pull", account="admin", client_id="docker")
    assert granted(response) == {}


# Credentials


@pytest.mark.parametrize("scopes", [(), ("repository:open/app:pull",)], ids=["no scope", "public scope"])
@pytest.mark.parametrize("user", ["dev", "nobody-here"])
def test_bad_credentials_are_401_in_both_forms_with_and_without_a_scope(
    registry: Registry, user: str, scopes: tuple[str, ...]
) -> None:
    parameters = {"scope": list(scopes)}
    by_header = registry.client(user, "Wrong-horse1").get("/service/token", params=parameters)
    by_form = sign_in(registry, user, "Wrong-horse1", scope=" ".join(scopes))
    assert refusal(by_header, 401, "UNAUTHORIZED") == "incorrect username or password"
    assert refusal(by_form, 401, "UNAUTHORIZED") == "incorrect username or password"
    assert by_header.headers["www-authenticate"] == by_form.headers["www-authenticate"] == 'Basic realm="cove"'


@pytest.mark.parametrize(("user", "password"), [("", PASSWORD), ("dev", ""), ("", "")])
def test_empty_name_or_password_is_401_and_never_nobody(registry: Registry, user: str, password: str) -> None:
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    client = registry.client()
    for path in ("/service/token", "/v2/", "/v2/open/app/tags/list"):
        refusal(client.get(path, headers={"Authorization": f"Basic {header}"}), 401, "UNAUTHORIZED")
    refusal(sign_in(registry, user, password), 401, "UNAUTHORIZED")


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


MALFORMED = [
    "",
    "Basic",
    "Basic ",
    "Basic =",
    "Basic !!!",
    "Basic YQ",
    "Basic " + encoded("admin"),
    "Basic " + encoded(":x"),
    "Basic " + encoded("admin:"),
    "Basic " + encoded("\0:x"),
    "Basic " + encoded("ad\0min:x"),
    "Basic " + encoded("ad\nmin:x"),
    "Basic " + encoded("admin:\0"),
    "Basic " + encoded(b"\xff\xfe:x"),
    "Basic " + encoded(b"admin:\xff"),
    "Basic " + encoded(b"\xc0\xaf:x"),
    "Basic " + encoded(b"\xed\xa0\x80:x"),
    "Basic " + encoded("a" * 300 + ":x"),
    "Basic " + encoded("a:" + "x" * 5000),
    "Basic " + "QUFB" * 2100,
    "Basic " + encoded("admin:x") + " " + encoded("admin:x"),
    "Basic " + encoded("admin:x") + ",",
    "Basic " + encoded("admin:x").replace("=", "") + "-_",
    "Basic \t" + encoded("admin:x"),
    "Basic" + encoded("admin:x"),
    "Basic\xa0" + encoded("admin:x"),
    "Digest username=admin",
    "Negotiate abc",
    "\x80\xff",
    "Bearer",
    "Bearer a.b.c",
]


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("path", ["/service/token?scope=repository:open/app:pull", "/v2/", "/v2/open/app/tags/list"])
def test_malformed_authorization_is_401_and_never_nobody(registry: Registry, path: str, value: str) -> None:
    with Client(int(registry.url.rpartition(":")[2])) as client:
        client.send(get(path).replace(b"Host: cove", b"Host: cove\r\nAuthorization: " + value.encode("latin-1")))
        answer = client.answer()
    assert answer.status == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("path", ["/service/token", "/v2/"])
def test_two_authorization_headers_are_401(registry: Registry, path: str) -> None:
    good = ("Authorization", "Basic " + encoded(f"admin:{PASSWORD}"))
    refusal(registry.client().get(path, headers=[good, good]), 401, "UNAUTHORIZED")


def test_scheme_is_read_in_any_case(registry: Registry) -> None:
    for scheme in ("basic", "BASIC"):
        header = {"Authorization": f"{scheme} {encoded(f'dev:{PASSWORD}')}"}
        assert registry.client().get("/service/token", headers=header).status_code == 200
    token = registry.token("dev")
    assert registry.client().get("/v2/", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_bearer_token_buys_no_token(registry: Registry) -> None:
    refusal(registry.bearer(registry.token("admin")).get("/service/token"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("name", ["team+ci", "Zoë", "a b", "%41dmin"])
@pytest.mark.parametrize("password", ["Pa:ss:wo:rd1", "Pässwörd-✓1", "Percent%41+1 x"])
def test_unusual_names_and_passwords_sign_in_by_every_way(registry: Registry, name: str, password: str) -> None:
    who = f"{name}{len(password)}"
    with registry.database.write() as tx:
        users.add(tx, who, hash_password(password), is_admin=False, now=now_ms())
    header = {"Authorization": "Basic " + encoded(f"{who}:{password}")}
    assert registry.client().get("/v2/", headers=header).status_code == 200
    assert registry.client().get("/service/token", headers=header).status_code == 200
    assert sign_in(registry, who, password).status_code == 200


def test_name_of_a_robot_that_does_not_exist_is_401(registry: Registry) -> None:
    refusal(registry.client("robot$none+ci").get("/v2/"), 401, "UNAUTHORIZED")


# The form


@pytest.mark.parametrize("kind", [None, "", "authorization_code", "Password"])
def test_unknown_grant_type_is_400(registry: Registry, kind: str | None) -> None:
    form = {"grant_type": kind} if kind is not None else {}
    refusal(post(registry, username="dev", password=PASSWORD, **form), 400, "UNSUPPORTED")


@pytest.mark.parametrize("service", ["harbor-registry", "Cove", "cove2"])
def test_other_service_is_400_in_both_forms(registry: Registry, service: str) -> None:
    refusal(ask(registry, "dev", service=service), 400, "UNSUPPORTED")
    refusal(sign_in(registry, "dev", service=service), 400, "UNSUPPORTED")


def test_service_may_be_left_out(registry: Registry) -> None:
    assert registry.client("dev").get("/service/token").status_code == 200
    form = {"grant_type": "password", "username": "dev", "password": PASSWORD}
    assert registry.client().post("/service/token", data=form).status_code == 200


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"{}", b"grant_type=%ff", b"&".join(b"a%d=b" % n for n in range(200)), b"grant_type=" + b"x" * 70000],
    ids=["bytes", "json", "not utf-8", "many fields", "large"],
)
def test_body_that_is_no_such_form_is_400(registry: Registry, body: bytes) -> None:
    refusal(registry.client().post("/service/token", content=body, headers=FORM), 400, "UNSUPPORTED")


# Refresh tokens


def test_no_refresh_token_is_given_by_default(registry: Registry) -> None:
    assert "refresh_token" not in ask(registry, "dev", offline_token="true").json()
    assert "refresh_token" not in sign_in(registry, "dev", access_type="offline").json()


def test_refresh_token_is_given_to_who_asks_and_buys_access_tokens(make_registry: Make) -> None:
    registry = make_registry(identity_tokens=True)
    populate(registry)
    assert "refresh_token" not in ask(registry, "dev").json()
    assert "refresh_token" not in ask(registry, None, offline_token="true").json()
    by_header = ask(registry, "dev", offline_token="true").json()["refresh_token"]
    by_form = sign_in(registry, "dev", access_type="offline").json()["refresh_token"]
    for kept in (by_header, by_form):
        bought = post(registry, grant_type="refresh_token", refresh_token=kept, scope="repository:team/app:pull,delete")
        assert granted(bought) == {"repository:team/app": {"pull"}}
        refusal(registry.bearer(kept).get("/v2/"), 401, "UNAUTHORIZED")
    access = bought.json()["token"]
    refusal(post(registry, grant_type="refresh_token", refresh_token=access), 401, "UNAUTHORIZED")
    registry.users.set_password("dev", PASSWORD + "2")
    refusal(post(registry, grant_type="refresh_token", refresh_token=by_form), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("form", [{}, {"refresh_token": ""}, {"refresh_token": "a.b.c"}])
def test_refresh_token_that_is_none_of_ours_is_401(registry: Registry, form: dict[str, str]) -> None:
    refusal(post(registry, grant_type="refresh_token", **form), 401, "UNAUTHORIZED")


def test_refresh_token_of_nobody_is_401(registry: Registry) -> None:
    nobody = registry.token(None)
    refusal(post(registry, grant_type="refresh_token", refresh_token=nobody), 401, "UNAUTHORIZED")


# Scopes

PULL, BOTH = {"pull"}, {"pull", "push"}
SCOPES: list[tuple[list[str], Grants]] = [
    (["repository:team/app:pull", "repository:team/app:pull,push"], {"repository:team/app": BOTH}),
    (["repository:team/app:pull repository:team/app:push"], {"repository:team/app": BOTH}),
    (["repository:team/a:push,pull  repository:team/b:pull"], {"repository:team/a": BOTH, "repository:team/b": PULL}),
    (
        ["repository:team/a:pull repository:open/b:pull", "repository:team/c:pull"],
        {"repository:team/a": PULL, "repository:open/b": PULL, "repository:team/c": PULL},
    ),
    (["repository:team/app:*"], {"repository:team/app": BOTH}),
    (["repository:team/app:delete"], {}),
    (["repository:team/app:pull,fly,Push,metadata/read"], {"repository:team/app": PULL}),
    (["registry:catalog:*"], {"registry:catalog": {"*"}}),
    (["registry:catalog:search"], {}),
    (["registry:other:*", "project:team:pull", "nothing"], {}),
    (["repository(plugin):team/app:pull"], {"repository:team/app": PULL}),
    (["repository:app:pull"], {"repository:library/app": PULL}),
    (["repository:missing/app:pull,push"], {}),
    ([""], {}),
]


@pytest.mark.parametrize(("scopes", "expected"), SCOPES, ids=range(len(SCOPES)))
@pytest.mark.parametrize("form", ["get", "post"])
def test_grant_is_what_is_asked_for_and_allowed(
    registry: Registry, form: str, scopes: list[str], expected: Grants
) -> None:
    response = ask(registry, "dev", *scopes) if form == "get" else sign_in(registry, "dev", scope=scopes)
    assert granted(response) == expected


def test_administrator_is_granted_all_that_a_repository_has(registry: Registry) -> None:
    response = ask(registry, "admin", "repository:team/app:*", "repository:missing/app:*")
    assert granted(response) == {"repository:team/app": {"pull", "push", "delete"}}


def test_64_scopes_are_taken_and_65_are_not(registry: Registry) -> None:
    scopes = [f"repository:team/r{number}:pull" for number in range(64)]
    assert len(granted(ask(registry, "dev", *scopes))) == 64
    assert len(granted(ask(registry, "dev", " ".join(scopes)))) == 64
    refusal(ask(registry, "dev", *scopes, "x"), 400, "UNSUPPORTED")
    refusal(sign_in(registry, "dev", scope=" ".join([*scopes, "x"])), 400, "UNSUPPORTED")
    refusal(sign_in(registry, "dev", scope="x" * 8193), 400, "UNSUPPORTED")


def test_token_that_would_not_fit_a_header_is_refused_with_the_reason(registry: Registry) -> None:
    scopes = " ".join(f"repository:team/{'x' * 110}{number}:pull" for number in range(50))
    assert "too much" in refusal(sign_in(registry, "dev", scope=scopes), 400, "UNSUPPORTED")


HOSTILE = [
    "repository:team/app:pull,push,delete,*",
    "repository:*:*",
    "repository:**:*",
    "repository:team/*:*",
    "repository::pull",
    "repository:open/../team/app:pull",
    "repository:open/./app:pull",
    "repository:open//app:pull",
    "repository:/team/app:pull",
    "repository:team/app/:pull",
    "repository:TEAM/app:pull",
    "repository:team%2fapp:pull",
    "repository:team\\app:pull",
    "repository:host:5000/team/app:pull",
    "repository:team/app:pull\r\nrepository:team/app:push",
    "repository:team/app\0:pull",
    "repository:team/app:pull:push",
    "repository:team/app@sha256:" + "0" * 64 + ":pull",
    "repository:team/app",
    "repository",
    ":",
    "::",
    ":::",
    "repository(:team/app:pull",
    "repository(plugin:team/app:pull",
    "repository()(x):team/app:pull",
    "Repository:team/app:pull",
    "registry:catalog:*,pull",
    "registry:team/app:pull",
    "user:admin:*",
    "repository:\uff54eam/app:pull",
    "repository:team/app:\uff50ull",
    "repository:team/app:",
    "repository:team/app:,,,",
    "repository:team:pull",
    "repository:open/app' OR 1=1 --:pull",
    "repository:" + "a/" * 200 + "b:pull",
    "repository:team/app:" + ",".join(["push"] * 900),
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "repository:open/app:pull\u2028repository:team/app:pull",
]
RIGHTS: dict[str | None, dict[str, set[str]]] = {
    None: {"open": {"pull"}, "library": {"pull"}},
    "stan": {"open": {"pull"}, "library": {"pull"}, "other": {"pull", "push"}},
    "gus": {"open": {"pull"}, "library": {"pull"}, "team": {"pull"}},
}


def must_be_within_rights(user: str | None, grants: Grants) -> None:
    for thing, actions in grants.items():
        type_, _, name = thing.partition(":")
        if type_ == "registry":
            assert (name, actions) == ("catalog", {"*"})
            assert user
        else:
            assert type_ == "repository"
            assert actions <= RIGHTS[user].get(name.partition("/")[0], set()), thing


@pytest.mark.parametrize("user", RIGHTS)
def test_hostile_scopes_never_gain_more_than_the_rights(registry: Registry, user: str | None) -> None:
    client = registry.client(user)
    for scope in HOSTILE:
        response = client.get("/service/token", params={"scope": [scope, "repository:open/app:pull"]})
        grants = granted(response)
        must_be_within_rights(user, grants)
        assert grants["repository:open/app"] == {"pull"}, scope


PIECES = st.sampled_from(
    ["repository", "registry", "catalog", "team", "open", "other", "app", "pull", "push", "delete"]
)
SCOPE_TEXTS = st.lists(PIECES | st.sampled_from([*":/,*().-_ "]), max_size=12).map("".join)


@given(st.lists(SCOPE_TEXTS, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mixture_of_scopes_gains_more_than_the_rights(registry: Registry, scopes: list[str]) -> None:
    response: Any = registry.client("stan").get("/service/token", params={"scope": scopes})
    must_be_within_rights("stan", granted(response))
