"""What is believed of an OpenID provider: a small one that says whatever a test wants it to say."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth.oidc import Attempt, OidcError, OidcRefused, OidcSettings, OpenIdProvider

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
ATTEMPT = Attempt("state", "nonce", "verifier" * 6, "/")
BACK = "https://registry.example/c/oidc/callback"


def public(key: rsa.RSAPrivateKey, kid: str) -> dict[str, object]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


@dataclass
class Provider:
    """What it says, and what it was asked."""

    url: str
    claims: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] | None = None
    keys: list[dict[str, object]] = field(default_factory=lambda: [public(KEY, "one")])
    token: str | None = None
    asked: dict[str, list[str]] = field(default_factory=dict)
    authorization: str = ""
    refusal: tuple[int, bytes] | None = None

    def signed(self) -> str:
        return self.token or jwt.encode(self.claims, KEY, "RS256", headers={"kid": "one"})

    def answer(self, path: str) -> object:
        documents: dict[str, object] = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth?x=1",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                **({"userinfo_endpoint": f"{self.url}/me"} if self.told else {}),
                **self.metadata,
            },
            "/token": {"id_token": self.signed(), "access_token": "access"},
            "/keys": {"keys": self.keys},
            "/me": self.told,
        }
        return documents.get(path)


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = made.answer(urlsplit(self.path).path)
            self.send_response(404 if document is None else 200)
            self.end_headers()
            self.wfile.write(document if isinstance(document, bytes) else json.dumps(document).encode())

        def do_POST(self) -> None:
            made.asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            made.authorization = self.headers.get("authorization", "")
            if made.refusal is None:
                self.do_GET()
                return
            self.send_response(made.refusal[0])
            self.end_headers()
            self.wfile.write(made.refusal[1])

        def log_message(self, *_arguments: object) -> None:
            """The tests look at answers alone."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    now = int(time.time())
    made = Provider(
        url, {"iss": url, "aud": "cove", "sub": "7", "iat": now, "exp": now + 60, "nonce": "nonce", "name": "Ann"}
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def of(provider: Provider, **values: Any) -> OpenIdProvider:
    return OpenIdProvider(OidcSettings(provider.url, "cove", "a secret+", **values), lambda host, port: [host])


def test_browser_is_sent_with_a_challenge_that_only_its_verifier_meets(provider: Provider) -> None:
    address = urlsplit(of(provider, parameters={"prompt": "login"}).address_to_sign_in(BACK, ATTEMPT))
    query = {name: value[0] for name, value in parse_qs(address.query).items()}
    assert query == {
        "x": "1",
        "prompt": "login",
        "response_type": "code",
        "client_id": "cove",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "state",
        "nonce": "nonce",
        "code_challenge": ATTEMPT.challenge,
        "code_challenge_method": "S256",
    }
    assert len({Attempt.begin("/").verifier for _ in range(3)}) == 3


def test_code_is_redeemed_with_the_verifier_and_the_secret(provider: Provider) -> None:
    identity = of(provider).identify("code", BACK, ATTEMPT)
    assert (identity.issuer, identity.subject, identity.name) == (provider.url, "7", "Ann")
    assert provider.asked == {
        "grant_type": ["authorization_code"],
        "code": ["code"],
        "redirect_uri": [BACK],
        "code_verifier": [ATTEMPT.verifier],
    }
    assert provider.authorization == "Basic Y292ZTphK3NlY3JldCUyQg=="  # cove:a+secret%2B


def test_secret_is_in_the_form_where_the_provider_wants_that(provider: Provider) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    of(provider).identify("code", BACK, ATTEMPT)
    assert (provider.asked["client_secret"], provider.authorization) == (["a secret+"], "")


def test_name_and_groups_are_where_the_settings_say(provider: Provider) -> None:
    provider.claims |= {"login": "annie", "teams": ["a", "b", "a", 3], "email": "ann@example.com"}
    identity = of(provider, user_claim="login", groups_claim="teams").identify("code", BACK, ATTEMPT)
    assert (identity.name, identity.groups, identity.email) == ("annie", ("a", "b"), "ann@example.com")
    assert of(provider).identify("code", BACK, ATTEMPT).groups is None


def test_rest_is_asked_for_and_what_is_signed_stands_above(provider: Provider) -> None:
    provider.told = {"sub": "7", "name": "Other", "email": "ann@example.com"}
    identity = of(provider).identify("code", BACK, ATTEMPT)
    assert (identity.name, identity.email) == ("Ann", "ann@example.com")
    provider.told = {"sub": "8"}
    with pytest.raises(OidcError, match="somebody else"):
        of(provider).identify("code", BACK, ATTEMPT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "other"},
        {"aud": ["cove", "other"]},
        {"aud": ["cove", "other"], "azp": "other"},
        {"exp": 1},
        {"nonce": "other"},
        {"nonce": None},
        {"sub": None},
        {"iat": None},
        {"exp": None},
    ],
)
def test_token_that_is_not_for_this_sign_in_is_refused(provider: Provider, wrong: dict[str, Any]) -> None:
    changed = {**provider.claims, **wrong}
    provider.claims = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(OidcError):
        of(provider).identify("code", BACK, ATTEMPT)


def test_token_for_several_is_taken_where_it_was_made_for_this_registry(provider: Provider) -> None:
    provider.claims |= {"aud": ["cove", "other"], "azp": "cove"}
    assert of(provider).identify("code", BACK, ATTEMPT).subject == "7"


@pytest.mark.parametrize("forgery", ["other key", "unknown key", "shared secret", "none", "garbage", "no kid"])
def test_token_that_the_provider_has_not_signed_is_refused(provider: Provider, forgery: str) -> None:
    claims, secret = provider.claims, "a secret+" * 8
    if forgery == "no kid":
        provider.keys = [public(KEY, "one"), public(OTHER, "two")]
    provider.token = {
        "other key": jwt.encode(claims, OTHER, "RS256", headers={"kid": "one"}),
        "unknown key": jwt.encode(claims, KEY, "RS256", headers={"kid": "two"}),
        "shared secret": jwt.encode(claims, secret, "HS256", headers={"kid": "one"}),
        "none": jwt.encode(claims, "", "none", headers={"kid": "one"}),
        "garbage": "x.y.z",
        "no kid": jwt.encode(claims, KEY, "RS256"),
    }[forgery]
    with pytest.raises(OidcError, match="ID token"):
        of(provider).identify("code", BACK, ATTEMPT)


def test_only_key_needs_no_name(provider: Provider) -> None:
    provider.token = jwt.encode(provider.claims, KEY, "PS256")
    assert of(provider).identify("code", BACK, ATTEMPT).subject == "7"


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://evil.example"},
        {"issuer": 1},
        {"token_endpoint": "http://127.0.0.1:1/token"},
        {"token_endpoint": "http://["},
        {"jwks_uri": "{url}/none"},
    ],
)
def test_provider_that_is_not_as_it_should_be_is_told(provider: Provider, wrong: dict[str, Any]) -> None:
    provider.metadata = {
        name: value.replace("{url}", provider.url) if isinstance(value, str) else value for name, value in wrong.items()
    }
    with pytest.raises(OidcError, match="OpenID provider"):
        of(provider).identify("code", BACK, ATTEMPT)


def test_provider_may_have_a_place_to_sign_out(provider: Provider) -> None:
    assert of(provider).address_to_sign_out("https://registry.example") is None
    provider.metadata = {"end_session_endpoint": f"{provider.url}/end"}
    address = of(provider).address_to_sign_out("https://registry.example")
    assert address == (f"{provider.url}/end?client_id=cove&post_logout_redirect_uri=https%3A%2F%2Fregistry.example")


def test_secrets_are_not_shown(provider: Provider) -> None:
    assert "a secret" not in repr(OidcSettings(provider.url, "cove", "a secret+"))


@pytest.mark.parametrize(
    ("status", "answer", "is_about_the_person"),
    [
        (400, b'{"error": "invalid_grant"}', True),
        (403, b'{"error": "invalid_grant"}', True),
        (400, b'{"error": "interaction_required"}', True),
        (400, b"no", True),
        (400, b'{"error": "invalid_client"}', False),
        (401, b'{"error": "invalid_client"}', False),
        (400, b'{"error": "unauthorized_client"}', False),
        (503, b"[1]", False),
        (503, b'{"error": {}}', False),
    ],
)
def test_only_a_refusal_of_the_person_says_that_it_is_gone(
    provider: Provider, status: int, answer: bytes, *, is_about_the_person: bool
) -> None:
    provider.refusal = status, answer
    with pytest.raises(OidcError, match=f"answers /token with {status}") as raised:
        of(provider).renew("a token")
    assert isinstance(raised.value, OidcRefused) is is_about_the_person
