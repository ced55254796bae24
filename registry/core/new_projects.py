"""Projects that people and programs ask for: who may, and what they get."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from auth.access import Access, Actor
from auth.roles import Role
from registry.core import audit, settings
from registry.core.allowlists import Allowlist
from registry.core.project_settings import PUBLIC, known
from registry.core.setting_rules import storage_limit
from registry.errors import Conflict, Forbidden, RequestInvalid
from registry.oci.names import parse_project
from storage.clock import now_ms
from storage.metadata import members, projects, users
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord

NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a project is to be. `limit` is in bytes, -1 for none, and None for what is usual here."""

    name: str
    settings: Mapping[str, str | None] = field(default_factory=dict)
    limit: int | None = None
    allowed_cves: Sequence[str] = ()
    allowed_until: int | None = None


class NewProjects:
    """`quota` is what a project gets where nothing else is said, in bytes; None for what administrators have set."""

    def __init__(
        self, database: Database, access: Access, *, quota: int | None, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._access = access
        self._quota = quota
        self._clock = clock

    def create(self, actor: Actor, wish: Wish) -> ProjectRecord:
        """Make a project, of which whoever asked becomes an administrator.

        Raises `Forbidden`, `NameInvalid`, `BadQuery`, `RequestInvalid`, `Conflict`.
        """
        parse_project(wish.name)
        values, now = known(wish.settings), self._clock()
        is_public = values.pop(PUBLIC, "false") == "true"
        allowlist = Allowlist().replaced(wish.allowed_cves, wish.allowed_until, now)
        with self._database.write() as tx:
            self._must_be_free_to(tx, actor)
            if projects.find(tx, wish.name):
                raise Conflict(f"The project named {wish.name} already exists")
            owner_id = actor.user_id or _first_administrator(tx)
            made = projects.add(
                tx,
                wish.name,
                is_public=is_public,
                now=now,
                quota=self._limit(tx, actor, wish.limit),
                owner_id=owner_id,
                settings=json.dumps(values),
                cve_allowlist=allowlist.text() if wish.allowed_cves else "{}",
            )
            if owner_id is not None:
                members.add(tx, made.id, Role.PROJECT_ADMIN, at=now, by=actor.name, user_id=owner_id)
            audit.record(tx, actor, operation="create", resource_type="project", resource=made.name, project_id=made.id)
            return made

    def _must_be_free_to(self, tx: Transaction, actor: Actor) -> None:
        """Everybody, or administrators only: that is a setting. Robots and bounded tokens need the permission."""
        if self._access.may_in_system(actor, "project:create"):
            return
        if actor.user is None or actor.permits is not None:
            raise Forbidden(actor.name)
        if settings.read_text(tx, "project_creation_restriction") == "adminonly":
            raise Forbidden("Only system admin can create project")

    def _limit(self, tx: Transaction, actor: Actor, wanted: int | None) -> int | None:
        """In bytes, None for no limit; only who may change quotas chooses."""
        if wanted is not None and self._access.may_in_system(actor, "quota:update"):
            return bytes_of(wanted)
        if self._quota is not None:
            return self._quota
        return bytes_of(settings.read_number(tx, "storage_per_project"))


def bytes_of(limit: int) -> int | None:
    """A limit as Harbor's API has it, -1 for none, as it is kept. Raises `RequestInvalid`."""
    try:
        return None if storage_limit(limit) == NO_LIMIT else limit
    except ValueError as error:
        raise RequestInvalid(f"the limit of the storage must be {error}") from None


def _first_administrator(tx: Transaction) -> int | None:
    """Who owns what robots make."""
    return min((user.id for user in users.list_active_admins(tx)), default=None)
