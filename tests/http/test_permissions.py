"""Who may do what over HTTP: a table of routes, a table of principals, and every combination of them."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from auth.roles import Role
from auth.tokens import SigningKey, TokenIssuer
from storage.metadata import signing_keys, users
from tests.http.conftest import Make
from tests.http.serving import MANIFEST_TYPE, PASSWORD, Registry

LAYER = b"a layer"
MISSING = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Route:
    """A request on a repository; `right` is what it takes, `status` what who has it gets."""

    method: str
    path: str
    right: str
    status: int
    content: bytes = b""


ROUTES = [
    Route("HEAD", "manifests/1", "pull", 200),
    Route("GET", "manifests/1", "pull", 200),
    Route("GET", "manifests/{manifest}", "pull", 200),
    Route("HEAD", "manifests/{manifest}", "pull", 200),
    Route("HEAD", "blobs/{blob}", "pull", 200),
    Route("GET", "blobs/{blob}", "pull", 200),
    Route("GET", "tags/list", "pull", 200),
    Route("GET", "referrers/{manifest}", "pull", 200),
    Route("POST", "blobs/uploads/", "push", 202),
    Route("POST", "blobs/uploads", "push", 202),
    Route("POST", "blobs/uploads/?mount={blob}&from={project}/app", "push", 201),
    Route("POST", "blobs/uploads/?digest={blob}", "push", 201, LAYER),
    Route("GET", "blobs/uploads/none", "push", 404),
    Route("HEAD", "blobs/uploads/none", "push", 404),
    Route("PATCH", "blobs/uploads/none", "push", 404, b"x"),
    Route("PUT", "blobs/uploads/none?digest={blob}", "push", 404, LAYER),
    Route("DELETE", "blobs/uploads/none", "push", 404),
    Route("PUT", "manifests/2", "push", 400, b"{}"),
    Route("DELETE", "manifests/none", "delete", 404),
    Route("DELETE", "manifests/" + MISSING, "delete", 404),
    Route("DELETE", "blobs/" + MISSING, "delete", 404),
]

READ, WRITE, ALL = {"pull"}, {"pull", "push"}, {"pull", "push", "delete"}
EVERYTHING = "repository:{repository}:*"


def basic(user: str, password: str = PASSWORD) -> Callable[[Registry, str], httpx.Client]:
    return lambda registry, _: registry.client(user, password)


def bearer(user: str | None, scope: str = EVERYTHING) -> Callable[[Registry, str], httpx.Client]:
    return lambda registry, name: registry.bearer(registry.token(user, scope.format(repository=name)))


def expired(registry: Registry, repository: str) -> httpx.Client:
    with registry.database.read() as tx:
        admin = users.find(tx, "admin")
        keys = [SigningKey.load(record.private_pem) for record in signing_keys.list_newest_first(tx)]
    assert admin
    return registry.bearer(
        TokenIssuer(keys).issue(str(admin.id), version=admin.credential_version, access=[], lifetime=-60)
    )


@dataclass(frozen=True)
class Principal:
    """How somebody asks, what the roles allow in a private and in a public project, and what the token allows.

    `known` tells whether there is an account: a refusal is 403 then, and 401 otherwise.
    """

    client: Callable[[Registry, str], httpx.Client]
    private: set[str]
    public: set[str]
    known: bool = True
    bound: frozenset[str] = frozenset(ALL)

    def expected(self, route: Route, *, public: bool) -> int:
        if route.right not in (self.public if public else self.private):
            return 403 if self.known else 401
        return route.status if route.right in self.bound else 401


NOTHING: set[str] = set()
PRINCIPALS = {
    "nobody": Principal(lambda registry, _: registry.client(), NOTHING, READ, known=False),
    "wrong password": Principal(basic("pat", "Wrong-horse1"), NOTHING, NOTHING, known=False),
    "token of nobody": Principal(bearer(None), NOTHING, READ, known=False),
    "expired token": Principal(expired, NOTHING, NOTHING, known=False),
    "forged token": Principal(lambda registry, _: registry.bearer("a.b.c"), NOTHING, NOTHING, known=False),
    "stranger": Principal(basic("stan"), NOTHING, READ),
    "stranger's token": Principal(bearer("stan"), NOTHING, READ),
    "limited guest": Principal(basic("lim"), READ, READ),
    "guest": Principal(basic("gus"), READ, READ),
    "guest's token": Principal(bearer("gus"), READ, READ),
    "developer": Principal(basic("dev"), WRITE, WRITE),
    "developer's token": Principal(bearer("dev"), WRITE, WRITE),
    "developer's pull token": Principal(
        bearer("dev", "repository:{repository}:pull"), WRITE, WRITE, bound=frozenset(READ)
    ),
    "developer's token for another": Principal(
        bearer("dev", "repository:{repository}2:*"), WRITE, WRITE, bound=frozenset()
    ),
    "developer's token for a part": Principal(
        bearer("dev", "repository:{repository}/sub:*"), WRITE, WRITE, bound=frozenset()
    ),
    "maintainer": Principal(basic("mia"), ALL, ALL),
    "maintainer's push token": Principal(
        bearer("mia", "repository:{repository}:pull,push"), ALL, ALL, bound=frozenset(WRITE)
    ),
    "project administrator": Principal(basic("pat"), ALL, ALL),
    "administrator": Principal(basic("admin"), ALL, ALL),
    "administrator's token": Principal(bearer("admin"), ALL, ALL),
    "administrator's empty token": Principal(bearer("admin", "nothing"), ALL, ALL, bound=frozenset()),
}


@pytest.fixture(scope="module", autouse=True)
def images(registry: Registry) -> dict[str, str]:
    """The same image in both projects, in which everybody has the same role."""
    roles = {"pat": Role.PROJECT_ADMIN, "mia": Role.MAINTAINER, "gus": Role.GUEST, "lim": Role.LIMITED_GUEST}
    for name, role in roles.items():
        registry.members.add("open", name, role)
    for project in ("team", "open"):
        manifest = registry.push_image(f"{project}/app", "1", LAYER)
    return {"blob": str(registry.push_blob("team/app", LAYER)), "manifest": str(manifest)}


def request(client: httpx.Client, route: Route, repository: str, names: dict[str, str]) -> httpx.Response:
    path = route.path.format(project=repository.partition("/")[0], **names)
    headers = {"Content-Type": MANIFEST_TYPE} if "manifests" in path else {}
    return client.request(route.method, f"/v2/{repository}/{path}", content=route.content, headers=headers)


def forget_failures(registry: Registry) -> None:
    """Wrong passwords are part of the table, and must not hold up the rest of it."""
    with registry.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM login_failures")


@pytest.mark.parametrize("name", PRINCIPALS)
@pytest.mark.parametrize("project", ["team", "open"])
def test_each_route_lets_in_whom_the_table_says(
    registry: Registry, images: dict[str, str], project: str, name: str
) -> None:
    principal, repository = PRINCIPALS[name], f"{project}/app"
    client = principal.client(registry, repository)
    for number, route in enumerate(ROUTES):
        if number % 8 == 0:
            forget_failures(registry)
        response = request(client, route, repository, images)
        expected = principal.expected(route, public=project == "open")
        assert response.status_code == expected, (route, response.text)
        must_be_plain_refusal(response, route)


def must_be_plain_refusal(response: httpx.Response, route: Route) -> None:
    """A refusal says so in the usual form, and has a challenge exactly when it is 401."""
    assert ("www-authenticate" in response.headers) == (response.status_code == 401)
    if response.status_code in (401, 403) and route.method != "HEAD":
        [error] = response.json()["errors"]
        assert error["code"] == {401: "UNAUTHORIZED", 403: "DENIED"}[response.status_code]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nobody", 401),
        ("token of nobody", 401),
        ("forged token", 401),
        ("stranger", 200),
        ("guest's token", 401),
        ("administrator", 200),
    ],
)
def test_catalog_is_for_accounts_and_for_tokens_that_name_it(registry: Registry, name: str, expected: int) -> None:
    client = PRINCIPALS[name].client(registry, "team/app")
    assert client.get("/v2/_catalog").status_code == expected


def test_catalog_shows_each_account_its_own_part(registry: Registry) -> None:
    seen = {}
    for user in ("stan", "gus", "admin"):
        by_token = registry.bearer(registry.token(user, "registry:catalog:*")).get("/v2/_catalog").json()
        assert by_token == registry.client(user).get("/v2/_catalog").json()
        seen[user] = by_token["repositories"]
    assert seen == {"stan": ["open/app"], "gus": ["open/app", "team/app"], "admin": ["open/app", "team/app"]}


VOLATILE = {"date", "x-request-id"}


def told(response: httpx.Response, name: str) -> tuple[int, dict[str, str], str]:
    """All that a response tells, the name that was asked for aside."""
    headers = {key: value.replace(name, "NAME") for key, value in response.headers.items() if key not in VOLATILE}
    return response.status_code, headers, response.text.replace(name, "NAME")


@pytest.mark.parametrize("user", [None, "stan"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_private_project_looks_like_none_to_who_may_not_see_it(
    registry: Registry, images: dict[str, str], route: Route, user: str | None
) -> None:
    there, nowhere = (
        told(request(registry.client(user), route, f"{project}/app", images), project) for project in ("team", "nope")
    )
    assert there == nowhere


def test_private_project_cannot_be_probed_by_a_mount_or_a_scope(registry: Registry, images: dict[str, str]) -> None:
    client = registry.client("stan")
    statuses = {
        client.post("/v2/other/app/blobs/uploads/", params={"mount": images["blob"], "from": source}).status_code
        for source in ("team/app", "team/none", "nope/app")
    }
    assert statuses == {202}
    answers = [
        client.get("/service/token", params={"scope": f"repository:{project}/app:pull"}).json()["scope"]
        for project in ("team", "nope")
    ]
    assert answers == ["", ""]


@pytest.mark.parametrize(
    ("user", "method", "words"),
    [
        ("stan", "GET", "user 'stan' has no access to project 'team', or it does not exist"),
        ("gus", "PUT", "user 'gus' may pull from project 'team' but not push: ask an administrator of the project"),
        ("dev", "DELETE", "user 'dev' may pull from project 'team' but not delete: ask an administrator"),
    ],
)
def test_refusal_says_who_what_and_whom_to_ask(registry: Registry, user: str, method: str, words: str) -> None:
    response = registry.client(user).request(method, "/v2/team/app/manifests/1")
    assert response.status_code == 403
    assert words in response.json()["errors"][0]["message"]


def test_administrator_is_told_that_a_project_does_not_exist(registry: Registry) -> None:
    response = registry.client("admin").post("/v2/nope/app/blobs/uploads/")
    assert response.status_code == 404
    [error] = response.json()["errors"]
    assert error["code"] == "NAME_UNKNOWN"
    assert "create it first" in error["message"]


OTHER_SPELLINGS = [
    "/v2/team//app/tags/list",
    "/v2/team/app/tags/list/",
    "/v2//team/app/tags/list",
    "/v2/open/../team/app/tags/list",
    "/v2/open/%2e%2e/team/app/tags/list",
    "/v2/team%2fapp/tags/list",
    "/v2/open/app%2f..%2f..%2fteam/app/tags/list",
    "/v2/TEAM/app/tags/list",
    "/V2/team/app/tags/list",
    "/v2/team/app/tags/list%00",
    "/v2/team/app%0a/tags/list",
    "/v2/team/app;x/tags/list",
    "/v2/_catalog/",
]


@pytest.mark.parametrize("path", OTHER_SPELLINGS)
def test_other_spelling_of_an_address_opens_nothing(registry: Registry, path: str) -> None:
    for user in (None, "stan"):
        assert registry.client(user).get(httpx.URL(registry.url).copy_with(raw_path=path.encode())).status_code in (
            400,
            401,
            403,
            404,
        )


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"])
def test_headers_that_rename_a_request_mean_nothing(registry: Registry, header: str) -> None:
    value = "DELETE" if "Method" in header else "/v2/open/app/tags/list"
    assert registry.client("gus").get("/v2/team/app/manifests/1", headers={header: value}).status_code == 200
    assert registry.client("stan").get("/v2/team/app/tags/list", headers={header: value}).status_code == 403


def test_ephemeral_registry_lets_everybody_do_everything(make_registry: Make) -> None:
    registry = make_registry(ephemeral=True)
    client = registry.client()
    assert client.get("/v2/").status_code == 200
    assert client.post("/v2/anything/app/blobs/uploads/").status_code == 202
    assert client.get("/v2/_catalog").json() == {"repositories": []}
    assert client.get("/v2/nope/app/tags/list").status_code == 404
    assert registry.client("anybody", "whatever").get("/v2/").status_code == 200
    token = registry.token(None, "repository:anything/app:pull,push")
    assert registry.bearer(token).post("/v2/anything/app/blobs/uploads/").status_code == 202


def test_upload_of_another_account_is_unknown(registry: Registry) -> None:
    location = registry.client("dev").post("/v2/team/app/blobs/uploads/").headers["location"]
    assert registry.client("dev").get(location).status_code == 204
    for user in ("pat", "admin"):
        for method in ("GET", "PATCH", "DELETE"):
            assert registry.client(user).request(method, location).status_code == 404
    other = location.replace("team/app", "open/app")
    assert registry.client("dev").get(other).status_code == 404
