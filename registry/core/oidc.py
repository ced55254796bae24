"""Signing in with an OpenID provider: what administrators have set of it, and who comes from it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from auth.addresses import Resolve
from auth.oidc import USUAL_SCOPES, Attempt, Identity, OidcError, OidcRefused, OidcSettings, OpenIdProvider
from auth.tokens import BadToken, TokenIssuer
from registry.core import settings
from registry.core.groups import GroupKind, Wish
from registry.core.outsiders import Outsider, Outsiders
from registry.errors import BadQuery, PreconditionFailed, Unauthorized, Unavailable
from registry.outgoing import OutgoingError
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord

MODE = "oidc_auth"
CALLBACK = "/c/oidc/callback"
ATTEMPT_SECONDS = 600
_ATTEMPT, _NEWCOMER = "oidc-attempt", "oidc-newcomer"
_TARGET_LIMIT = 1000
Sealed = TypeVar("Sealed")


class _Newcomer(msgspec.Struct, frozen=True):
    """Somebody who has yet to choose a name."""

    identity: Identity
    target: str


@dataclass(frozen=True, slots=True)
class Offer:
    """The name of the provider, which may be empty, and whether it comes before passwords."""

    name: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where somebody wants to go who came from the provider: the user, or, sealed, whoever has yet to choose a name,
    with one that may do.
    """

    target: str
    user: UserRecord | None
    newcomer: str = ""
    suggestion: str = ""


class OidcSignIn:
    """`base` is always the registry's address as the browser knows it."""

    def __init__(self, database: Database, issuer: TokenIssuer, outsiders: Outsiders, resolve: Resolve) -> None:
        self._database = database
        self._issuer = issuer
        self._outsiders = outsiders
        self._resolve = resolve

    def is_asked(self, tx: Transaction) -> bool:
        return settings.read_text(tx, "auth_mode") == MODE

    def confirm(self, user: UserRecord, token: str) -> None:
        """Take over what the provider tells of an account now, for the token that it gave before.

        Raises `Unauthorized` where it does not let it in any more, `Unavailable`, `PreconditionFailed`.
        """
        try:
            with _available():
                outsider, _ = self._outsider(self._provider().renew(token))
        except OidcRefused as error:
            raise Unauthorized(str(error)) from error
        if outsider.external_id != user.external_id:
            raise Unauthorized("the OpenID provider tells of somebody else")
        self._outsiders.admit(outsider)

    def offer(self) -> Offer | None:
        """What the sign-in page offers; None where people do not sign in with a provider."""
        with self._database.read() as tx:
            if not self.is_asked(tx):
                return None
            return Offer(settings.read_text(tx, "oidc_name"), settings.read_flag(tx, "primary_auth_mode"))

    def begin(self, base: str, target: str) -> tuple[str, str]:
        """Where to send a browser, and what it has to bring back. Raises `PreconditionFailed`, `BadQuery`."""
        if not re.fullmatch(r"/(?![/\\])[!-~]*", target) or len(target) > _TARGET_LIMIT:
            raise BadQuery("bad request: redirect_url must be a path of this registry")
        attempt = Attempt.begin(target)
        provider = self._provider()
        with _available():
            address = provider.address_to_sign_in(base + CALLBACK, attempt)
        return address, self._issuer.seal(_ATTEMPT, msgspec.json.encode(attempt).decode(), lifetime=ATTEMPT_SECONDS)

    def finish(self, base: str, sealed: str, *, state: str, code: str) -> Arrival:
        """Whoever came back with what it was given, and with a code.

        Raises `Unauthorized`, `PreconditionFailed`; and `RequestInvalid`, `Conflict` as `Outsiders.admit` does.
        """
        attempt = self._unsealed(_ATTEMPT, sealed, Attempt)
        if not state or state != attempt.state or not code:
            raise Unauthorized("the OpenID provider did not let you in, or you began somewhere else: try again")
        try:
            identity = self._provider().identify(code, base + CALLBACK, attempt)
        except (OidcError, OutgoingError) as error:
            raise Unauthorized(str(error)) from error
        outsider, is_automatic = self._outsider(identity)
        if self._outsiders.is_known(outsider) or (is_automatic and identity.name):
            return Arrival(attempt.target, self._outsiders.admit(outsider))
        # Browsers can read what is sealed: the token is for the registry alone, which gets another one next time.
        newcomer = msgspec.json.encode(_Newcomer(replace(identity, provider_token=""), attempt.target)).decode()
        sealed = self._issuer.seal(_NEWCOMER, newcomer, lifetime=ATTEMPT_SECONDS)
        return Arrival(attempt.target, None, sealed, identity.name)

    def onboard(self, sealed: str, name: str) -> Arrival:
        """The account of a newcomer, by the name that it chose: what was sealed lets nobody in who has one.

        Raises as `finish` does.
        """
        newcomer = self._unsealed(_NEWCOMER, sealed, _Newcomer)
        outsider, _ = self._outsider(newcomer.identity, name)
        return Arrival(newcomer.target, self._outsiders.admit(outsider, only_new=True))

    def address_to_sign_out(self, user: UserRecord | None, after: str) -> str | None:
        """Where to send somebody's browser, so that it is signed out there too; None for who does not come from there.

        Raises `Unavailable`.
        """
        with self._database.read() as tx:
            is_wanted = self.is_asked(tx) and settings.read_flag(tx, "oidc_logout")
        if not is_wanted or user is None or user.source != "oidc":
            return None
        with _available():
            return self._provider().address_to_sign_out(after)

    def ping(self, endpoint: str, *, verifies_certificates: bool) -> None:
        """Raises `BadQuery` unless there is a provider at the address."""
        wanted = OidcSettings(endpoint, "", "", verifies_certificates=verifies_certificates)
        try:
            OpenIdProvider(wanted, self._resolve).check()
        except (OidcError, OutgoingError) as error:
            raise BadQuery(f"bad request: {error}") from error

    def _provider(self) -> OpenIdProvider:
        with self._database.read() as tx:
            if not self.is_asked(tx):
                raise PreconditionFailed("signing in with OpenID Connect is not set up")
            return OpenIdProvider(_read(tx), self._resolve)

    def _outsider(self, identity: Identity, name: str | None = None) -> tuple[Outsider, bool]:
        """As accounts have it, and whether people need not choose a name."""
        with self._database.read() as tx:
            pattern, admins = settings.read_text(tx, "oidc_group_filter"), settings.read_text(tx, "oidc_admin_group")
            is_automatic = settings.read_flag(tx, "oidc_auto_onboard")
        held = [each for each in identity.groups or () if not pattern or re.search(pattern, each)]
        is_told = identity.groups is not None
        outsider = Outsider(
            source="oidc",
            external_id=f"{identity.issuer} {identity.subject}",
            name=identity.name if name is None else name,
            email=identity.email,
            real_name=identity.real_name,
            groups=[Wish(each, GroupKind.OIDC) for each in held] if is_told else None,
            is_admin=bool(admins) and admins in (identity.groups or ()) if is_told or not admins else None,
            provider_token=identity.provider_token,
        )
        return outsider, is_automatic

    def _unsealed(self, purpose: str, sealed: str, kind: type[Sealed]) -> Sealed:
        try:
            return msgspec.json.decode(self._issuer.unseal(purpose, sealed), type=kind)
        except BadToken:
            raise Unauthorized("signing in took too long, or began somewhere else: try again") from None


@contextmanager
def _available() -> Iterator[None]:
    """Raises `Unavailable` when the provider is not as it should be."""
    try:
        yield
    except OidcRefused:
        raise
    except (OidcError, OutgoingError) as error:
        raise Unavailable(str(error)) from error


def _read(tx: Transaction) -> OidcSettings:
    scopes = settings.read_text(tx, "oidc_scope").replace(",", " ").split()
    return OidcSettings(
        endpoint=settings.read_text(tx, "oidc_endpoint"),
        client_id=settings.read_text(tx, "oidc_client_id"),
        client_secret=settings.read_text(tx, "oidc_client_secret"),
        scopes=scopes or USUAL_SCOPES,
        user_claim=settings.read_text(tx, "oidc_user_claim"),
        groups_claim=settings.read_text(tx, "oidc_groups_claim"),
        parameters=json.loads(settings.read_text(tx, "oidc_extra_redirect_parms")),
        verifies_certificates=settings.read_flag(tx, "oidc_verify_cert"),
    )
