"""Granting tokens: of what a client asks for, the part that its account may do now."""

from collections.abc import Sequence
from dataclasses import dataclass

from auth.access import Access, Actor
from auth.accounts import subject_of
from auth.roles import Action
from auth.scope import Scope, format_scope
from auth.tokens import Grant, TokenIssuer, TokenTooLarge
from registry.core import settings
from registry.errors import NameInvalid, RequestInvalid
from registry.oci.names import RepositoryName
from storage.metadata.database import Database, Transaction

_ACTIONS = (Action.PULL, Action.PUSH, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Issued:
    """`scope` is what was granted, in Docker's notation; with `is_whole` that is all that was asked for."""

    token: str
    scope: str
    lifetime: int
    refresh_token: str | None
    is_whole: bool


class Tokens:
    """`lifetime` is in seconds, and a setting where it is None; with `refreshable` a client that asks for it also gets
    a refresh token.
    """

    def __init__(
        self, database: Database, access: Access, issuer: TokenIssuer, *, lifetime: int | None, refreshable: bool
    ) -> None:
        self._database = database
        self._access = access
        self._issuer = issuer
        self._lifetime = lifetime
        self._refreshable = refreshable

    def issue(self, actor: Actor, scopes: Sequence[Scope], *, wants_refresh: bool) -> Issued:
        """A token for whoever asks, or for nobody. A smaller grant than asked for is no error. Raises
        `RequestInvalid`.
        """
        with self._database.read() as tx:
            found = [(scope, self._grant(tx, actor, scope)) for scope in scopes]
            lifetime = self._lifetime or settings.read_number(tx, "token_expiration") * 60
        grants = [grant for _, grant in found if grant]
        is_whole = all(grant and scope.actions <= set(grant.actions) for scope, grant in found)
        subject, version = subject_of(actor)
        refresh = None
        if actor.user and wants_refresh and self._refreshable:
            refresh = self._issuer.issue_refresh(subject, version=version)
        try:
            token = self._issuer.issue(subject, version=version, access=grants, lifetime=lifetime)
        except TokenTooLarge as error:
            raise RequestInvalid(str(error)) from None
        granted = " ".join(format_scope(grant.type, grant.name, grant.actions) for grant in grants)
        return Issued(token, granted, lifetime, refresh, is_whole)

    def _grant(self, tx: Transaction, actor: Actor, scope: Scope) -> Grant | None:
        if scope.type == "registry" and scope.name == "catalog":
            return Grant("registry", "catalog", ("*",)) if not actor.is_anonymous and "*" in scope.actions else None
        return self._grant_repository(tx, actor, scope) if scope.type == "repository" else None

    def _grant_repository(self, tx: Transaction, actor: Actor, scope: Scope) -> Grant | None:
        try:
            name = RepositoryName.parse(scope.name)
        except NameInvalid:
            return None
        rights = self._access.rights(tx, actor, name.project)
        asked = frozenset(_ACTIONS) if "*" in scope.actions else scope.actions
        granted = tuple(
            action for action in _ACTIONS if action in asked and f"repository:{action}" in rights.permissions
        )
        if not granted or rights.project is None:
            return None
        return Grant("repository", str(name), granted, rights.project.id)
