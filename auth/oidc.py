"""OpenID Connect: sending a person to the provider, and learning from it who came back.

The authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636). Of what the provider says, only
what it has signed is believed, and what it answers itself to the token that it gave: a person cannot have sent either.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import jwt
import msgspec

from auth.addresses import Resolve

if TYPE_CHECKING:
    from auth.provider_calls import Calls

USUAL_SCOPES = ("openid", "profile", "email")
# No algorithm with a shared secret: whoever knows that could sign for the provider.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_SECONDS = 60
# Errors of the token endpoint (RFC 6749, section 5.2): some give that of a person with another status than 400, and
# those of the registry itself, which has another secret now or is unknown, say nothing about anybody.
_REFUSED, _OURS = "invalid_grant", ("invalid_client", "unauthorized_client")

Answer = TypeVar("Answer")


class OidcError(Exception):
    """The provider does not answer, or not as it should, or did not let the person in; the message has no secret."""


class OidcRefused(OidcError):
    """The provider does not take what it was asked with."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider by its issuer's address, what the registry is to it, and where it tells the names of people."""

    endpoint: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: Sequence[str] = USUAL_SCOPES
    user_claim: str = ""
    groups_claim: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    verifies_certificates: bool = True


class Attempt(msgspec.Struct, frozen=True):
    """What only the browser that was sent to the provider has; `target` is where it wants to go afterwards."""

    state: str
    nonce: str
    verifier: str
    target: str

    @classmethod
    def begin(cls, target: str) -> "Attempt":
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), target)

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider tells; `groups` are None where it was not asked for them. With `provider_token` it can be
    asked again.
    """

    issuer: str
    subject: str
    name: str
    email: str
    real_name: str
    groups: tuple[str, ...] | None = None
    provider_token: str = field(default="", repr=False)


class _Metadata(msgspec.Struct, frozen=True):
    """Of OpenID Connect Discovery 1.0, section 3, what is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Answer(msgspec.Struct, frozen=True):
    """Of the token endpoint (OpenID Connect Core 1.0, sections 3.1.3.3 and 12.2)."""

    id_token: str = ""
    access_token: str = ""
    refresh_token: str = ""


class OpenIdProvider:
    """Asks the provider of the settings. Every method raises `OidcError`, and what `resolve` raises."""

    def __init__(self, settings: OidcSettings, resolve: Resolve) -> None:
        self._settings = settings
        self._resolve = resolve

    def check(self) -> None:
        """Whether there is a provider at the address."""
        with self._client() as http:
            self._metadata(http)

    def address_to_sign_in(self, redirect_uri: str, attempt: Attempt) -> str:
        """Where to send the browser."""
        with self._client() as http:
            metadata = self._metadata(http)
        query = {
            **self._settings.parameters,
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self._settings.scopes))),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(metadata.authorization_endpoint, query)

    def address_to_sign_out(self, after: str) -> str | None:
        """Where to send the browser that shall be signed out there too, if the provider has such a place."""
        with self._client() as http:
            address = self._metadata(http).end_session_endpoint
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": after}
        return _with_query(address, query) if address else None

    def identify(self, code: str, redirect_uri: str, attempt: Attempt) -> Identity:
        """Who came back with the code."""
        with self._client() as http:
            metadata = self._metadata(http)
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": attempt.verifier,
            }
            answer = self._redeem(http, metadata, form)
            return self._identified(http, metadata, answer, attempt.nonce)

    def renew(self, token: str) -> Identity:
        """Who somebody is now, for the token that the provider gave before (OpenID Connect Core 1.0, section 12).

        Raises `OidcRefused` where it does not take that any more.
        """
        with self._client() as http:
            metadata = self._metadata(http)
            answer = self._redeem(http, metadata, {"grant_type": "refresh_token", "refresh_token": token})
            identity = self._identified(http, metadata, answer, None)
        return replace(identity, provider_token=identity.provider_token or token)

    def _identified(self, http: "Calls", metadata: _Metadata, answer: _Answer, nonce: str | None) -> Identity:
        """From the ID token, which may be missing where somebody was known before, and what is told beside it."""
        claims: dict[str, Any] = {}
        if answer.id_token or nonce is not None:
            claims = self._verified(answer.id_token, metadata, http.get(metadata.jwks_uri), nonce)
        if metadata.userinfo_endpoint and answer.access_token:
            claims = self._completed(http, metadata, answer.access_token, claims)
        if not _text(claims.get("sub")):
            raise OidcError("the OpenID provider does not tell who it is")
        return replace(self._identity(metadata.issuer, claims), provider_token=answer.refresh_token)

    @contextmanager
    def _client(self) -> Iterator["Calls"]:
        from auth import provider_calls  # noqa: PLC0415 -- HTTP takes a tenth of a second, and most have no provider

        try:
            with provider_calls.calling(
                self._resolve, verifies_certificates=self._settings.verifies_certificates
            ) as http:
                yield http
        except provider_calls.CallFailed as error:
            raise OidcError(f"the OpenID provider {error}") from error

    def _metadata(self, http: "Calls") -> _Metadata:
        base = self._settings.endpoint.rstrip("/")
        found = _converted(http.get(f"{base}/.well-known/openid-configuration"), _Metadata)
        if found.issuer.rstrip("/") != base:
            raise OidcError("the OpenID provider calls itself by another address than the one that is set")
        return found

    def _redeem(self, http: "Calls", metadata: _Metadata, form: dict[str, str]) -> _Answer:
        """What the token endpoint gives for a code or a token. Raises `OidcRefused` where it does not take that; what
        other endpoints answer says nothing about a person.
        """
        from auth.provider_calls import CallFailed  # noqa: PLC0415 -- as in `_client`

        own, credentials = self._settings, None
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            credentials = _form_encoded(own.client_id, own.client_secret)
        else:
            form |= {"client_id": own.client_id, "client_secret": own.client_secret}
        try:
            return _converted(http.post(metadata.token_endpoint, form, credentials), _Answer)
        except CallFailed as error:
            if error.reason == _REFUSED or (error.status == 400 and error.reason not in _OURS):
                raise OidcRefused(f"the OpenID provider {error}") from error
            raise

    def _verified(self, token: str, metadata: _Metadata, keys: Mapping[str, Any], nonce: str | None) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7), which has this nonce, if any."""
        try:
            key = _key_for(token, keys)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._settings.client_id,
                issuer=metadata.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise OidcError(f"the ID token of the OpenID provider is not valid: {error}") from None
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        is_for_others = len(audiences) > 1 and claims.get("azp") != self._settings.client_id
        told = str(claims.get("nonce", "")).encode()
        if is_for_others or (nonce is not None and not secrets.compare_digest(told, nonce.encode())):
            raise OidcError("the ID token of the OpenID provider was made for something else")
        return claims

    def _completed(
        self, http: "Calls", metadata: _Metadata, access_token: str, claims: dict[str, Any]
    ) -> dict[str, Any]:
        """With what the provider tells of the same person beside the token (OpenID Connect Core 1.0, section 5.3)."""
        told = http.get(metadata.userinfo_endpoint, {"Authorization": f"Bearer {access_token}"})
        if told.get("sub") != claims.get("sub", told.get("sub")):
            raise OidcError("the OpenID provider tells of somebody else than who signed in")
        return {**told, **claims}

    def _identity(self, issuer: str, claims: Mapping[str, Any]) -> Identity:
        own = self._settings
        names = map(claims.get, (own.user_claim,) if own.user_claim else ("preferred_username", "name"))
        email = "" if claims.get("email_verified") is False else _text(claims.get("email"))
        return Identity(
            issuer=issuer,
            subject=_text(claims["sub"]),
            name=next(filter(None, map(_text, names)), ""),
            email=email,
            real_name=_text(claims.get("name")),
            groups=_texts(claims.get(own.groups_claim)) if own.groups_claim else None,
        )


def _key_for(token: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """The provider's key that the token names, or its only one. Raises `jwt.PyJWTError`."""
    header = jwt.get_unverified_header(token)
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in _ALGORITHMS:
        raise jwt.InvalidAlgorithmError(f"it is signed with {str(algorithm)[:20]}")
    listed = keys.get("keys")
    found = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    named = [key for key in found if kid in (None, key.get("kid")) and key.get("use", "sig") == "sig"]
    if not named or (kid is None and len(named) > 1):
        raise jwt.InvalidKeyError("it is signed with a key that the provider does not have")
    return jwt.PyJWK(named[0], algorithm)


def _converted(document: Mapping[str, Any], kind: type[Answer]) -> Answer:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise OidcError(f"the OpenID provider answers in an unknown form: {error}") from None


def _form_encoded(client_id: str, client_secret: str) -> tuple[str, str]:
    """RFC 6749, section 2.3.1: both are encoded as in forms before they become Basic credentials."""
    return urlencode({"": client_id})[1:], urlencode({"": client_secret})[1:]


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(each for each in values if isinstance(each, str) and each))
