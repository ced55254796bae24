"""Behind a proxy: which addresses are believed, and what forged tokens and hosts achieve."""

import base64
import json
from collections.abc import Iterator

import jwt
import pytest
from starlette.requests import Request

from auth.tokens import SigningKey, TokenIssuer
from registry.config import Config
from registry.origins import Origin
from registry.values import networks
from storage.metadata import signing_keys, users
from tests.http.serving import Registry, running

PROXY = networks("127.0.0.0/8")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server that takes this machine for its proxy."""
    with running(Config(data=tmp_path_factory.mktemp("proxied") / "data", trusted_proxies=PROXY)) as registry:
        yield registry


def realm(registry: Registry, **headers: str) -> str:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    response = registry.client().get("/v2/", headers=sent)
    assert response.status_code == 401
    return str(response.headers["www-authenticate"].split('"')[1])


def test_forwarded_scheme_and_host_of_a_trusted_proxy_make_the_realm(proxied: Registry) -> None:
    found = realm(proxied, X_Forwarded_Proto="https", X_Forwarded_Host="cove.example:8443")
    assert found == "https://cove.example:8443/service/token"


def test_scheme_alone_goes_with_the_host_of_the_request(proxied: Registry) -> None:
    assert realm(proxied, Host="cove.example", X_Forwarded_Proto="https") == "https://cove.example/service/token"


def test_forwarded_headers_of_anybody_else_mean_nothing(registry: Registry) -> None:
    found = realm(registry, X_Forwarded_Proto="https", X_Forwarded_Host="evil.example", Forwarded="host=evil.example")
    assert found == f"{registry.url}/service/token"


@pytest.mark.parametrize(
    "host", ["evil/x?y=", "evil?", "a@evil", "a,evil", 'evil"', "", "x" * 300, "a:b", "[::1", "1]:80", "a:1:2"]
)
@pytest.mark.parametrize("path", ["/v2/", "/v2/open/app/tags/list", "/v2/_catalog"])
def test_forwarded_host_that_is_no_host_is_400(proxied: Registry, path: str, host: str) -> None:
    response = proxied.bearer("a.b.c").get(path, headers={"X-Forwarded-Host": host})
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "NAME_INVALID"
    assert "www-authenticate" not in response.headers


def test_forwarded_scheme_that_is_no_web_scheme_is_400(proxied: Registry) -> None:
    for scheme in ("javascript", "https://x", ""):
        response = proxied.client().get("/v2/", headers={"X-Forwarded-Proto": scheme})
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "198.51.100.1,127.0.0.2 , 127.0.0.3", "198.51.100.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", ", ,", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("127.0.0.1", "not an address", "not an address"),
    ],
)
def test_client_is_the_last_address_that_no_proxy_of_ours_has(peer: str, forwarded: str, client: str) -> None:
    request = Request({"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]})
    assert Origin(proxies=PROXY).client(request) == client


def claims_of(registry: Registry) -> tuple[SigningKey, dict[str, object]]:
    """The key of a registry, and the payload of a good token of its administrator."""
    with registry.database.read() as tx:
        key = SigningKey.load(signing_keys.list_newest_first(tx)[0].private_pem)
        admin = users.find(tx, "admin")
    assert admin
    token = TokenIssuer([key]).issue(str(admin.id), version=admin.credential_version, access=[])
    assert registry.bearer(token).get("/v2/").status_code == 200
    payload = token.split(".")[1]
    return key, json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_forged_tokens_are_401_and_called_invalid(registry: Registry) -> None:
    key, claims = claims_of(registry)
    foreign = SigningKey.generate()

    def signed(changed: dict[str, object], with_key: SigningKey = key, **header: str) -> str:
        return jwt.encode({**claims, **changed}, with_key.private_pem, "ES256", headers={"kid": key.kid, **header})

    good = signed({})
    assert registry.bearer(good).get("/v2/").status_code == 200
    head, body, signature = good.split(".")
    forged = {
        "no signature": f"{head}.{body}.",
        "alg none": f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': key.kid})}.{body}.",
        "alg none, signed": f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': key.kid})}.{body}.{signature}",
        "other payload": f"{head}.{segment({**claims, 'sub': '2'})}.{signature}",
        "hmac with the kid": jwt.encode(claims, key.kid, "HS256", headers={"kid": key.kid}),
        "foreign key": signed({}, foreign),
        "foreign kid": signed({}, foreign, kid=foreign.kid),
        "key in the header": signed({}, foreign, jwk="{}"),
        "expired": signed({"exp": 1}),
        "from the future": signed({"nbf": 10**12}),
        "other audience": signed({"aud": "elsewhere"}),
        "refresh audience": signed({"aud": "cove/refresh"}),
        "other issuer": signed({"iss": "elsewhere"}),
        "older version": signed({"ver": 0}),
        "no such account": signed({"sub": "999"}),
        "number as subject": signed({"sub": 1}),
        "no expiry": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key.private_pem, "ES256"),
        "too long": good + "A" * 9000,
    }
    for name, token in forged.items():
        response = registry.bearer(token).get("/v2/open/app/tags/list")
        assert response.status_code == 401, name
        assert 'error="invalid_token"' in response.headers["www-authenticate"], name


def test_signed_subject_that_is_no_number_is_no_server_error(registry: Registry) -> None:
    key, claims = claims_of(registry)
    token = jwt.encode({**claims, "sub": "admin"}, key.private_pem, "ES256", headers={"kid": key.kid})
    assert registry.bearer(token).get("/v2/").status_code == 401
