"""Tokens: what is issued comes back, and nothing else does."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from auth import tokens as tokens_module
from auth.tokens import MAX_TOKEN, BadKey, BadToken, Claims, Grant, SigningKey, TokenIssuer, TokenTooLarge
from tests.clocks import Clock

NOW = 1_800_000_000
OURS = SigningKey.generate()
FOREIGN = SigningKey.generate()
GRANTS = (Grant("repository", "p/app", ("pull", "push"), 7), Grant("registry", "catalog", ("*",)))


def issuer(*keys: SigningKey, now: float = NOW, service: str = "cove", name: str = "cove") -> TokenIssuer:
    return TokenIssuer(keys or (OURS,), clock=Clock(now), service=service, issuer=name)


def segment(content: bytes | object) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private(key: SigningKey) -> ec.EllipticCurvePrivateKey:
    loaded = serialization.load_pem_private_key(key.private_pem.encode(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded


def public_pem(key: SigningKey) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private(key).public_key().public_bytes(serialization.Encoding.PEM, spki)


def jwk(key: SigningKey) -> dict[str, str]:
    numbers = private(key).public_key().public_numbers()
    point = {"x": segment(numbers.x.to_bytes(32)), "y": segment(numbers.y.to_bytes(32))}
    return {"kty": "EC", "crv": "P-256", **point}


def es256(key: SigningKey, text: str) -> bytes:
    r, s = utils.decode_dss_signature(private(key).sign(text.encode(), ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


HEADER = {"alg": "ES256", "kid": OURS.kid, "typ": "JWT"}
PAYLOAD = {
    "iss": "cove",
    "aud": "cove",
    "sub": "17",
    "ver": 3,
    "exp": NOW + 1800,
    "nbf": NOW,
    "iat": NOW,
    "jti": "an-id",
    "access": [{"type": "repository", "name": "p/app", "actions": ["pull"], "project": 7}],
}


def signed(payload: bytes | object = PAYLOAD, header: bytes | object = HEADER, key: SigningKey = OURS) -> str:
    text = f"{segment(header)}.{segment(payload)}"
    return f"{text}.{segment(es256(key, text))}"


def header(**changes: object) -> str:
    return signed(header=HEADER | changes)


def claim(**changes: object) -> str:
    return signed(PAYLOAD | changes)


def without(name: str) -> str:
    return signed({key: value for key, value in PAYLOAD.items() if key != name})


def unsigned(algorithm: str) -> str:
    return f"{segment(HEADER | {'alg': algorithm})}.{segment(PAYLOAD)}."


def hs256_with_our_public_key() -> str:
    text = f"{segment(HEADER | {'alg': 'HS256'})}.{segment(PAYLOAD)}"
    return f"{text}.{segment(hmac.digest(public_pem(OURS), text.encode(), 'sha256'))}"


def raw_payload(**members: str) -> bytes:
    """The payload as text, with some values as they are to be written."""
    whole = {name: json.dumps(value) for name, value in PAYLOAD.items()} | members
    return ("{" + ",".join(f'"{name}":{value}' for name, value in whole.items()) + "}").encode()


def doubled(name: str, value: str) -> bytes:
    return raw_payload()[:-1] + f',"{name}":{value}'.encode() + b"}"


GOOD = signed()
FORGED: dict[str, str] = {
    "nothing": "",
    "garbage": "garbage",
    "dots": "..",
    "two segments": GOOD.rpartition(".")[0],
    "four segments": f"{GOOD}.{segment(b'x')}",
    "no signature": f"{GOOD.rpartition('.')[0]}.",
    "truncated": GOOD[:-8],
    "padded": f"{GOOD}==",
    "a line after it": f"{GOOD}\n",
    "a space before it": f" {GOOD}",
    "not ASCII": f"{GOOD}\u00e4",
    "a lone surrogate": "\ud800",
    "NUL": "\0",
    "huge": claim(sub="x" * MAX_TOKEN),
    "huge garbage": "a." * 1_000_000,
    "another payload under a good signature": f"{claim(sub='1').rpartition('.')[0]}.{GOOD.rpartition('.')[2]}",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg none with a signature": header(alg="none"),
    "HS256 with our public key as the secret": hs256_with_our_public_key(),
    "ES384 in the header": header(alg="ES384"),
    "a list of algorithms": header(alg=["ES256"]),
    "no algorithm": signed(header={"kid": OURS.kid, "typ": "JWT"}),
    "a foreign key": signed(header=HEADER | {"kid": FOREIGN.kid}, key=FOREIGN),
    "a foreign key under our kid": signed(key=FOREIGN),
    "a foreign key in the header": signed(header=HEADER | {"jwk": jwk(FOREIGN)}, key=FOREIGN),
    "our own key in the header": header(jwk=jwk(OURS)),
    "jku": header(jku="http://127.0.0.1/keys"),
    "x5u": header(x5u="http://127.0.0.1/keys"),
    "x5c": header(x5c=["MIIB"]),
    "crit": header(crit=["exp"], exp=NOW + 1800),
    "crit b64": header(crit=["b64"], b64=False),
    "b64 with the payload left out": f"{segment(HEADER | {'b64': False})}..{segment(b'x')}",
    "no kid": signed(header={"alg": "ES256", "typ": "JWT"}),
    "unknown kid": header(kid="other"),
    "kid is a path": header(kid="../../../../dev/null"),
    "kid is a number": header(kid=1),
    "kid is a list": header(kid=[OURS.kid]),
    "header is a list": signed(header=["ES256"]),
    "header is not JSON": signed(header=b"{"),
    "header is deep": signed(header=b"[" * 2000 + b"]" * 2000),
    "header is not UTF-8": signed(header=b'{"alg":"\xff"}'),
    "other issuer": claim(iss="harbor-token-issuer"),
    "issuer of which ours is a part": claim(iss="coven"),
    "other audience": claim(aud="elsewhere"),
    "several audiences": claim(aud=["cove", "elsewhere"]),
    "a refresh token": issuer().issue_refresh("17", version=3),
    "no issuer": without("iss"),
    "no audience": without("aud"),
    "no subject": without("sub"),
    "no version": without("ver"),
    "no expiry": without("exp"),
    "no beginning": without("nbf"),
    "no time of issue": without("iat"),
    "no id": without("jti"),
    "expired": claim(exp=NOW - 5),
    "long expired": claim(exp=0),
    "expiry before time began": claim(exp=-(10**30)),
    "not valid yet": claim(nbf=NOW + 61),
    "issued in the future": claim(iat=NOW + 61),
    "expiry is text": claim(exp=str(NOW + 1800)),
    "expiry is a fraction": claim(exp=NOW + 1800.5),
    "expiry is a float": claim(exp=float(NOW + 1800)),
    "expiry is null": claim(exp=None),
    "expiry is true": claim(exp=True),
    "expiry is infinite": signed(raw_payload(exp="1e400")),
    "expiry is NaN": signed(raw_payload(exp="NaN")),
    "expiry has 5,000 digits": signed(raw_payload(exp="9" * 5000)),
    "subject is a number": claim(sub=17),
    "subject is null": claim(sub=None),
    "version is text": claim(ver="3"),
    "id is a number": claim(jti=1),
    "access is text": claim(access="*"),
    "access is a list of texts": claim(access=["repository:p/app:pull"]),
    "actions are text": claim(access=[PAYLOAD["access"][0] | {"actions": "pull"}]),  # type: ignore[index]
    "project is text": claim(access=[PAYLOAD["access"][0] | {"project": "7"}]),  # type: ignore[index]
    "a claim twice": signed(doubled("sub", '"1"')),
    "a grant's member twice": signed(raw_payload(access='[{"type":"a","name":"b","actions":[],"name":"c"}]')),
    "payload is a list": signed([PAYLOAD]),
    "payload is null": signed(b"null"),
    "payload is empty": f"{segment(HEADER)}..{segment(b'x')}",
    "payload is not JSON": signed(b"{"),
    "payload is deep": signed(b"[" * 5000),
    "payload is not UTF-8": signed(raw_payload(sub='"\xff"').replace(b"\xc3\xbf", b"\xff")),
    "payload is UTF-16": signed(json.dumps(PAYLOAD).encode("utf-16")),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(forged: str) -> None:
    with pytest.raises(BadToken):
        issuer().verify(forged)


def test_the_tool_that_forges_makes_a_token_that_is_good_when_nothing_is_forged() -> None:
    claims = issuer().verify(GOOD)
    assert claims == Claims("17", 3, (Grant("repository", "p/app", ("pull",), 7),), NOW, NOW + 1800, "an-id")
    assert issuer().verify(signed(raw_payload())) == claims
    assert issuer().verify(claim(later="a claim of a newer version")) == claims


def test_a_token_with_any_one_character_changed_is_refused() -> None:
    for position, character in enumerate(GOOD):
        changed = GOOD[:position] + ("A" if character != "A" else "B") + GOOD[position + 1 :]
        with pytest.raises(BadToken):
            issuer().verify(changed)


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True))
def test_whatever_is_sent_as_a_token_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(BadToken):
        issuer().verify(text)


WRONG_TYPES = st.none() | st.booleans() | st.floats() | st.lists(st.none(), min_size=1)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(PAYLOAD)), WRONG_TYPES, min_size=1))
def test_a_payload_of_wrong_types_is_refused_in_one_way(changes: dict[str, object]) -> None:
    with pytest.raises(BadToken):
        issuer().verify(claim(**changes))


def test_an_access_token_says_what_was_granted_to_whom_and_until_when() -> None:
    claims = issuer().verify(issuer().issue("17", version=3, access=GRANTS))
    assert (claims.subject, claims.version, claims.grants) == ("17", 3, GRANTS)
    assert (claims.issued_at, claims.expires_at) == (NOW, NOW + 1800)


def test_nobody_gets_a_token_with_an_empty_subject_and_no_grants_if_nothing_is_granted() -> None:
    claims = issuer().verify(issuer().issue("", version=0, access=[]))
    assert (claims.subject, claims.version, claims.grants) == ("", 0, ())


def test_two_tokens_for_the_same_have_different_ids() -> None:
    first, second = (issuer().verify(issuer().issue("17", version=3, access=[])) for _ in range(2))
    assert first.id != second.id


def test_the_claims_have_the_names_that_registries_agree_on() -> None:
    token = issuer().issue("17", version=3, access=GRANTS[:1])
    head, payload = (json.loads(base64.urlsafe_b64decode(part + "===")) for part in token.split(".")[:2])
    assert head == HEADER
    assert payload == PAYLOAD | {
        "jti": payload["jti"],
        "access": [{"type": "repository", "name": "p/app", "actions": ["pull", "push"], "project": 7}],
    }


def test_a_refresh_token_lives_ninety_days_grants_nothing_and_passes_only_as_such() -> None:
    token = issuer().issue_refresh("17", version=3)
    claims = issuer().verify_refresh(token)
    assert (claims.subject, claims.version, claims.grants) == ("17", 3, ())
    assert claims.expires_at - claims.issued_at == 90 * 24 * 60 * 60
    with pytest.raises(BadToken, match="another use"):
        issuer().verify(token)
    with pytest.raises(BadToken, match="another use"):
        issuer().verify_refresh(issuer().issue("17", version=3, access=[]))


@pytest.mark.parametrize("other", [{"service": "cove2"}, {"name": "cove2"}])
def test_a_token_of_another_service_or_issuer_with_the_same_key_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(BadToken, match="another use"):
        issuer().verify(issuer(**other).issue("17", version=3, access=[]))


@pytest.mark.parametrize(("age", "good"), [(0, True), (59, True), (64.9, True), (65, False), (1_000, False)])
def test_a_token_is_good_until_five_seconds_after_its_end(age: float, good: bool) -> None:
    token = issuer().issue("17", version=3, access=[], lifetime=60)
    outcome(issuer(now=NOW + age).verify, token, good=good, reason="expired")


@pytest.mark.parametrize(("early", "good"), [(60, True), (61, False)])
def test_a_token_from_a_clock_that_is_ahead_is_good_within_a_minute(early: int, good: bool) -> None:
    token = issuer().issue("17", version=3, access=[])
    outcome(issuer(now=NOW - early).verify, token, good=good, reason="not valid yet")


def outcome(verify: Callable[[str], Claims], token: str, *, good: bool, reason: str) -> None:
    if good:
        assert verify(token).subject == "17"
    else:
        with pytest.raises(BadToken, match=reason):
            verify(token)


def test_signature_is_verified_once_and_the_time_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    decode = tokens_module._JWS.decode

    def counted(token: str, *arguments: Any, **options: Any) -> bytes:
        verified.append(token)
        payload: bytes = decode(token, *arguments, **options)
        return payload

    monkeypatch.setattr(tokens_module._JWS, "decode", counted)
    clock = Clock(NOW)
    ours = TokenIssuer([OURS], clock=clock)
    tokens = [ours.issue("17", version=3, access=[], lifetime=60) for _ in range(2)]
    assert len({ours.verify(token) for token in tokens * 3}) == 2
    assert verified == tokens
    clock.now += 65
    with pytest.raises(BadToken, match="expired"):
        ours.verify(tokens[0])


def test_access_token_that_was_verified_is_still_no_refresh_token() -> None:
    ours = issuer()
    token = ours.issue("17", version=3, access=[])
    assert ours.verify(token).subject == "17"
    with pytest.raises(BadToken, match="another use"):
        ours.verify_refresh(token)


def test_only_so_many_verified_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.tokens.MOST_VERIFIED", 2)
    ours = issuer()
    for _ in range(4):
        ours.verify(ours.issue("17", version=3, access=[]))
    assert len(ours._verified._kept) == 2


def test_tokens_of_the_old_key_are_good_until_the_key_is_dropped() -> None:
    new = SigningKey.generate()
    old_token = issuer(OURS).issue("17", version=3, access=[])
    both = issuer(new, OURS)
    assert both.verify(old_token).subject == "17"
    new_token = both.issue("17", version=3, access=[])
    assert issuer(new).verify(new_token).subject == "17"
    with pytest.raises(BadToken):
        issuer(new).verify(old_token)
    with pytest.raises(BadToken):
        issuer(OURS).verify(new_token)


def test_a_token_that_would_be_refused_for_its_size_is_not_issued() -> None:
    grants = [Grant("repository", f"p/{number:0>250}", ("pull",), 7) for number in range(30)]
    with pytest.raises(TokenTooLarge):
        issuer().issue("17", version=3, access=grants)
    token = issuer().issue("17", version=3, access=grants[:15])
    assert len(issuer().verify(token).grants) == 15


def test_an_issuer_without_a_key_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        TokenIssuer([])


def test_a_key_that_was_kept_is_the_same_key() -> None:
    assert SigningKey.load(OURS.private_pem) == OURS
    token = issuer(OURS).issue("17", version=3, access=[])
    assert issuer(SigningKey.load(OURS.private_pem)).verify(token).subject == "17"


def test_a_key_is_named_by_the_thumbprint_of_its_public_half() -> None:
    members = json.dumps(dict(sorted(jwk(OURS).items())), separators=(",", ":"))
    assert OURS.kid == segment(hashlib.sha256(members.encode()).digest())


def test_the_private_half_does_not_show_in_the_text_of_a_key() -> None:
    assert "PRIVATE" in OURS.private_pem
    assert "PRIVATE" not in repr(OURS)


def pem_of(key: Any, encryption: serialization.KeySerializationEncryption | None = None) -> str:
    content: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or serialization.NoEncryption()
    )
    return content.decode()


def pem_on_a_curve_nobody_knows() -> str:
    der = private(OURS).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    p256, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030155")
    body = base64.b64encode(der.replace(p256, unknown)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        public_pem(OURS).decode(),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ec.generate_private_key(ec.SECP256K1())),
        pem_on_a_curve_nobody_knows(),
        pem_of(rsa.generate_private_key(65537, 2048)),
        pem_of(private(OURS), serialization.BestAvailableEncryption(b"secret")),
    ],
    ids=["nothing", "garbage", "public", "P-384", "secp256k1", "unknown curve", "RSA", "encrypted"],
)
def test_what_is_not_a_plain_p256_private_key_cannot_sign(text: str) -> None:
    with pytest.raises(BadKey):
        SigningKey.load(text)
    with pytest.raises(BadKey):
        TokenIssuer([SigningKey("kid", text)])
