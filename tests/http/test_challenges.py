"""The answer to who has no credentials: where to get a token, and for what."""

import re

import httpx
import pytest

from tests.http.conftest import Make
from tests.http.raw import Client, get
from tests.http.serving import Registry

DIGEST = "sha256:" + "0" * 64
PAIR = re.compile(r'([a-z]+)="([^"]+)"')


def challenge(response: httpx.Response) -> dict[str, str]:
    """The members of the one challenge of a 401, read as strictly as the strictest client does."""
    assert response.status_code == 401, response.text
    [value] = response.headers.get_list("www-authenticate")
    scheme, _, members = value.partition(" ")
    assert scheme == "Bearer"
    pairs = [PAIR.fullmatch(member) for member in re.split(r",(?=[a-z]+=)", members)]
    assert all(pairs), value
    found = {pair[1]: pair[2] for pair in pairs if pair}
    assert len(found) == len(pairs)
    return found


@pytest.mark.parametrize("path", ["/v2/", "/v2"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_anonymous_ping_is_401_with_a_challenge_without_scope(registry: Registry, method: str, path: str) -> None:
    response = registry.client().request(method, path)
    assert challenge(response) == {"realm": f"{registry.url}/service/token", "service": "cove"}
    assert "set-cookie" not in response.headers
    if method == "GET":
        assert response.json()["errors"][0]["code"] == "UNAUTHORIZED"


def test_ping_is_200_with_basic_with_a_token_and_with_a_token_of_nobody(registry: Registry) -> None:
    for client in (
        registry.client("stan"),
        registry.bearer(registry.token("stan")),
        registry.bearer(registry.token(None)),
    ):
        response = client.get("/v2/")
        assert (response.status_code, response.json()) == (200, {})
        assert response.headers["docker-distribution-api-version"] == "registry/2.0"
        assert response.headers["content-type"] == "application/json"


def test_basic_works_directly_and_is_never_advertised(registry: Registry) -> None:
    assert registry.client("dev").get("/v2/team/app/tags/list").status_code == 404
    assert "Basic" not in registry.client("dev", "Wrong-horse1").get("/v2/").headers["www-authenticate"]


def test_realm_has_the_host_and_port_that_the_client_used(registry: Registry) -> None:
    for host in ("cove.example:8443", "cove.example", "[::1]:5000", "192.0.2.1:5000"):
        response = registry.client().get("/v2/", headers={"Host": host})
        assert challenge(response)["realm"] == f"http://{host}/service/token"


@pytest.mark.parametrize("host", ["x/health?y=", "x?y", "a@b", "x#y", 'x"y', "x y", "x,y", ""])
def test_host_that_is_no_host_is_400(registry: Registry, host: str) -> None:
    for path in ("/v2/", "/v2/team/app/tags/list", "/service/token"):
        with Client(int(registry.url.rpartition(":")[2])) as client:
            client.send(get(path).replace(b"Host: cove", b"Host: " + host.encode()))
            answer = client.answer()
        assert answer.status == 400
        assert "www-authenticate" not in answer.headers


SCOPES = [
    ("GET", "/v2/team/app/tags/list", "repository:team/app:pull"),
    ("HEAD", "/v2/team/app/manifests/1", "repository:team/app:pull"),
    ("GET", f"/v2/team/app/blobs/{DIGEST}", "repository:team/app:pull"),
    ("GET", f"/v2/team/app/referrers/{DIGEST}", "repository:team/app:pull"),
    ("PUT", "/v2/team/app/manifests/1", "repository:team/app:pull,push"),
    ("POST", "/v2/team/deep/er/app/blobs/uploads/", "repository:team/deep/er/app:pull,push"),
    ("DELETE", "/v2/team/app/manifests/1", "repository:team/app:pull,delete"),
    ("GET", "/v2/missing/app/tags/list", "repository:missing/app:pull"),
    ("GET", "/v2/_catalog", "registry:catalog:*"),
]


@pytest.mark.parametrize(("method", "path", "scope"), SCOPES)
def test_challenge_names_exactly_the_scope_that_is_needed(
    registry: Registry, method: str, path: str, scope: str
) -> None:
    assert challenge(registry.client().request(method, path)) == {
        "realm": f"{registry.url}/service/token",
        "service": "cove",
        "scope": scope,
    }


def test_short_name_is_challenged_for_its_repository_in_library(registry: Registry) -> None:
    response = registry.client().post("/v2/app/blobs/uploads/")
    assert challenge(response)["scope"] == "repository:library/app:pull,push"


@pytest.mark.parametrize("path", ["/v2/", "/v2/open/app/tags/list", "/v2/_catalog"])
def test_bad_token_is_told_apart_from_none(registry: Registry, path: str) -> None:
    found = challenge(registry.bearer("a.b.c").get(path))
    assert found["error"] == "invalid_token"
    assert ("scope" in found) == (path != "/v2/")


def test_too_narrow_token_of_an_entitled_user_is_401_with_what_it_needs(registry: Registry) -> None:
    client = registry.bearer(registry.token("dev", "repository:team/app:pull", "repository:team/app2:push"))
    found = challenge(client.post("/v2/team/app/blobs/uploads/"))
    assert (found["scope"], found["error"]) == ("repository:team/app:pull,push", "insufficient_scope")
    found = challenge(client.get("/v2/team/other/tags/list"))
    assert (found["scope"], found["error"]) == ("repository:team/other:pull", "insufficient_scope")
    found = challenge(client.get("/v2/_catalog"))
    assert (found["scope"], found["error"]) == ("registry:catalog:*", "insufficient_scope")


def test_scope_of_the_challenge_is_enough_when_it_is_asked_for(registry: Registry) -> None:
    for method, path, _ in SCOPES:
        scope = challenge(registry.client().request(method, path))["scope"]
        token = registry.token("pat", scope)
        expected = {403} if "missing" in path else {200, 202, 400, 404}
        assert registry.bearer(token).request(method, path).status_code in expected, path


def test_push_token_does_not_delete(registry: Registry) -> None:
    client = registry.bearer(registry.token("mia", "repository:team/app:pull,push"))
    found = challenge(client.delete("/v2/team/app/manifests/1"))
    assert (found["scope"], found["error"]) == ("repository:team/app:pull,delete", "insufficient_scope")


def test_public_url_is_the_realm_whatever_the_request_says(make_registry: Make) -> None:
    registry = make_registry(public_url="https://cove.example:8443")
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert (
        challenge(registry.client().get("/v2/", headers=headers))["realm"] == "https://cove.example:8443/service/token"
    )


def test_methods_of_an_address_are_all_named_to_who_sends_another(registry: Registry) -> None:
    response = registry.client("admin").post("/v2/team/app/manifests/1")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, PUT"
    assert response.json()["errors"][0]["code"] == "UNSUPPORTED"
