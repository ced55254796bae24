"""Tokens: what the token service hands out and the registry accepts. JSON Web Tokens (RFC 7519), signed with ES256.

An access token is an upper bound of what its bearer may do for half an hour; a refresh token stands for a sign-in and
only buys access tokens. They differ by audience, so that neither passes for the other. A grant names its project's id
beside the repository's name: a project that was deleted and made again is another one.

Every claim that is issued is required on the way back, with exactly the type it was issued with. Of the header nothing
is believed but `kid`, and that only chooses among our own keys: the algorithm is fixed, and a header with any further
member is refused.

Keys come and go while processes run: see `KeyRing`.
"""

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ACCESS_SECONDS = 30 * 60
REFRESH_SECONDS = 90 * 24 * 60 * 60
MAX_TOKEN = 8 * 1024
LOOK_SECONDS = 30  # how old the keys in memory may be
MOST_VERIFIED = 1024
UNKNOWN_KEY_SECONDS = 1  # ... and when a token names one that is not among them: anybody can make such a token

_ALGORITHM = "ES256"
_JWS = jwt.PyJWS(algorithms=[_ALGORITHM])
_HEADER = {"alg", "kid", "typ"}
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Nodes' clocks differ: a token from one that is ahead must not fail, while one that ended may as well be fetched anew.
_EARLY_LEEWAY = 60
_LATE_LEEWAY = 5


class BadKey(ValueError):
    """The text is not a private key on the curve P-256 in PEM form."""


class BadToken(Exception):
    """The token is not one of ours, not for this use, or not valid now."""


class TokenTooLarge(ValueError):
    """So much is granted at once that the token would not fit into a request header: ask for less."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the name under which tokens refer to it (RFC 7638, the thumbprint of its public half)."""

    kid: str
    private_pem: str = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls.load(pem.decode())

    @classmethod
    def load(cls, private_pem: str) -> "SigningKey":
        """Take a key that was kept; anything but an unencrypted P-256 key raises `BadKey`."""
        return cls(_thumbprint(_read_key(private_pem)), private_pem)


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions allowed on one thing; `project` is the id of the project it lies in, None where there is none."""

    type: str
    name: str
    actions: tuple[str, ...]
    project: int | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. `subject` is empty for nobody, `version` is that of the subject's account when the
    token was issued, times are seconds since the epoch. A refresh token has no grants."""

    subject: str
    version: int
    grants: tuple[Grant, ...]
    issued_at: int
    expires_at: int
    id: str


class _Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    iss: str
    aud: str
    sub: str
    ver: int
    exp: int
    nbf: int
    iat: int
    jti: str
    access: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys that were read: the one that signs, and the public halves of all."""

    kid: str
    private: ec.EllipticCurvePrivateKey
    public: Mapping[str, ec.EllipticCurvePublicKey]

    @classmethod
    def read(cls, keys: Sequence[SigningKey]) -> "_Keys":
        if not keys:
            raise ValueError("a token issuer needs at least one key")
        private = {key.kid: _read_key(key.private_pem) for key in keys}
        return cls(keys[0].kid, private[keys[0].kid], {kid: key.public_key() for kid, key in private.items()})


class KeyRing:
    """The keys in use, the first of which signs. Thread-safe.

    `reload` returns what they are by now. It is asked again when the last answer is `LOOK_SECONDS` old; when an unknown
    key is named, since another process may have made it a moment ago; and when `generation` is another one, as it is as
    soon as a key is removed. Where nothing tells that, each signing asks: a key that was revoked signs nothing more.
    Without `reload` the keys stay as they are.
    """

    def __init__(
        self,
        keys: Sequence[SigningKey],
        reload: Callable[[], Sequence[SigningKey]] | None,
        *,
        generation: Callable[[], int | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._generation = generation
        self._seen = generation()
        self._keys = _Keys.read(keys)
        self._reload = reload
        self._clock = clock
        self._looked_at = clock()
        self._lock = threading.Lock()

    def signing(self) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """The key that signs now, and its name."""
        keys = self._not_older_than(0 if self._seen is None else LOOK_SECONDS)
        return keys.kid, keys.private

    def verifying(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The public half of a key of that name, if it is one of ours."""
        known = self._not_older_than(LOOK_SECONDS).public.get(kid)
        return known or self._not_older_than(UNKNOWN_KEY_SECONDS).public.get(kid)

    def _not_older_than(self, seconds: float) -> _Keys:
        if self._reload:
            with self._lock:
                generation = self._generation()
                if generation != self._seen or self._age() >= seconds:
                    self._look(self._reload, generation)
        return self._keys

    def _look(self, reload: Callable[[], Sequence[SigningKey]], generation: int | None) -> None:
        began = self._clock()
        found = reload()
        if [key.kid for key in found] != list(self._keys.public):
            self._keys = _Keys.read(found)
        self._looked_at, self._seen = began, generation

    def _age(self) -> float:
        return self._clock() - self._looked_at


class _Verified:
    """Payloads of tokens whose signature was found right, the least recently used dropped first. Thread-safe.

    A client sends its token with each request, and a signature takes 170 µs of a core to verify, where this takes 3.
    Whether the key is still one of ours, and the time, are asked each time.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[str, ec.EllipticCurvePublicKey, _Payload]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, fingerprint: bytes, keys: KeyRing) -> _Payload | None:
        with self._lock:
            kept = self._kept.get(fingerprint)
            if kept is not None:
                self._kept.move_to_end(fingerprint)
        if kept is None or keys.verifying(kept[0]) is not kept[1]:
            return None
        return kept[2]

    def keep(self, fingerprint: bytes, kid: str, key: ec.EllipticCurvePublicKey, payload: _Payload) -> None:
        with self._lock:
            self._kept[fingerprint] = kid, key, payload
            while len(self._kept) > MOST_VERIFIED:
                self._kept.popitem(last=False)


class TokenIssuer:
    """Issues tokens with the first of `keys` and verifies those of any: so a key is replaced without a gap.

    `reload` and `generation` are what a `KeyRing` takes; what they raise comes out of every method. `clock` tells the
    seconds since the epoch. Raises `BadKey` for a key that cannot be used, `ValueError` without any.
    """

    def __init__(
        self,
        keys: Sequence[SigningKey],
        *,
        reload: Callable[[], Sequence[SigningKey]] | None = None,
        generation: Callable[[], int | None] = lambda: None,
        issuer: str = "cove",
        service: str = "cove",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = KeyRing(keys, reload, generation=generation)
        self._verified = _Verified()
        self._issuer = issuer
        self._service = service
        self._access_audience = service
        self._refresh_audience = f"{service}/refresh"
        self._clock = clock

    def issue(self, subject: str, *, version: int, access: Sequence[Grant], lifetime: int = ACCESS_SECONDS) -> str:
        """An access token for `lifetime` seconds from now. Raises `TokenTooLarge` beyond 8 KiB."""
        return self._sign(self._access_audience, subject, version, lifetime, access)

    def issue_refresh(self, subject: str, *, version: int, lifetime: int = REFRESH_SECONDS) -> str:
        """A refresh token for `lifetime` seconds from now."""
        return self._sign(self._refresh_audience, subject, version, lifetime, ())

    def seal(self, purpose: str, text: str, *, lifetime: int) -> str:
        """A text for somebody to keep and bring back, for so many seconds; it can be read, and not changed."""
        return self._sign(f"{self._service}/{purpose}", text, 0, lifetime, ())

    def unseal(self, purpose: str, token: str) -> str:
        """The text that was sealed for that purpose. Raises `BadToken`."""
        return self._verify(token, f"{self._service}/{purpose}").subject

    def verify(self, token: str) -> Claims:
        """What an access token says; anything else raises `BadToken`, whatever it is."""
        return self._verify(token, self._access_audience)

    def verify_refresh(self, token: str) -> Claims:
        """What a refresh token says; anything else raises `BadToken`, an access token included."""
        return self._verify(token, self._refresh_audience)

    def _sign(self, audience: str, subject: str, version: int, lifetime: int, access: Sequence[Grant]) -> str:
        now = int(self._clock())
        payload = _Payload(
            iss=self._issuer,
            aud=audience,
            sub=subject,
            ver=version,
            exp=now + lifetime,
            nbf=now,
            iat=now,
            jti=secrets.token_urlsafe(16),
            access=tuple(access),
        )
        kid, private = self._keys.signing()
        token = jwt.encode(msgspec.to_builtins(payload), private, _ALGORITHM, headers={"kid": kid})
        if len(token) > MAX_TOKEN:
            raise TokenTooLarge("too much is asked for in one token")
        return token

    def _verify(self, token: str, audience: str) -> Claims:
        payload = self._open(token)
        now = self._clock()
        if payload.iss != self._issuer or payload.aud != audience:
            raise BadToken("the token was issued for another use")
        if payload.exp <= now - _LATE_LEEWAY:
            raise BadToken("the token has expired")
        if max(payload.nbf, payload.iat) > now + _EARLY_LEEWAY:
            raise BadToken("the token is not valid yet")
        return Claims(payload.sub, payload.ver, payload.access, payload.iat, payload.exp, payload.jti)

    def _open(self, token: str) -> _Payload:
        """The payload of a token that one of our keys has signed."""
        if len(token) > MAX_TOKEN:
            raise BadToken("the text is too long for a token")
        fingerprint = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._verified.find(fingerprint, self._keys)
        if known:
            return known
        if not _COMPACT.fullmatch(token):
            raise BadToken("the text is not a token")
        try:
            header = _JWS.get_unverified_header(token)
            key = self._keys.verifying(header["kid"]) if header.keys() == _HEADER else None
            if key is None:
                raise BadToken("the token is signed with a key that is not ours")
            payload = _read_payload(_JWS.decode(token, key, algorithms=[_ALGORITHM]))
        except jwt.PyJWTError:
            raise BadToken("the token is malformed, or its signature is wrong") from None
        self._verified.keep(fingerprint, header["kid"], key, payload)
        return payload


def _read_payload(payload: bytes) -> _Payload:
    try:
        return msgspec.convert(json.loads(payload.decode(), object_pairs_hook=_unique), _Payload)
    except (ValueError, RecursionError):
        raise BadToken("the token lacks a claim, or has one that cannot be read") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _read_key(private_pem: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("a signing key must be an unencrypted private key in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadKey("a signing key must lie on the curve P-256")
    return key


def _thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    # RFC 7638, section 3: the required members only, sorted, without spaces.
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
