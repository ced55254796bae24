"""What is set of a project beside its name, by Harbor's names: texts, though most stand for true or false."""

import json
from collections.abc import Callable, Mapping, Sequence

from auth.access import Actor
from registry.core.allowlists import Allowlist
from registry.core.projects import note_update
from registry.errors import BadQuery, Conflict, NotFound
from storage.clock import now_ms
from storage.metadata import projects
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord

PUBLIC = "public"
RETENTION = "retention_id"
_FLAGS = frozenset(
    {
        PUBLIC,
        "enable_content_trust",
        "enable_content_trust_cosign",
        "prevent_vul",
        "auto_scan",
        "auto_sbom_generation",
        "reuse_sys_cve_allowlist",
        "proxy_cache_local_on_not_found",
        "proxy_referrer_api",
    }
)
_NUMBERS = frozenset({"proxy_speed_kb", "max_upstream_conn", RETENTION})
_TEXTS = frozenset({"proxy_cache_filter_pattern", "proxy_cache_filter_kind"})
_SEVERITIES = ("none", "low", "medium", "high", "critical")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")
_TEXT_LIMIT = 1000


def checked(name: str, value: str) -> str:
    """The value as it is kept. Raises `BadQuery` for a name that is none, or a value that it cannot have."""
    if name in _FLAGS and value.lower() in (*_TRUE, *_FALSE):
        return str(value.lower() in _TRUE).lower()
    if name in _NUMBERS and value.removeprefix("-").isdecimal() and len(value) < 19:
        return value
    if name == "severity" and value.lower() in _SEVERITIES:
        return value.lower()
    if name in _TEXTS and len(value) <= _TEXT_LIMIT and value.isprintable():
        return value
    raise BadQuery(f"bad request: invalid metadata {name[:40]}={value[:40]!r}")


def known(wanted: Mapping[str, str | None]) -> dict[str, str]:
    """What of a request for a whole project is a setting of one; a retention policy is made in its own place.

    Raises `BadQuery`.
    """
    names = (_FLAGS | _NUMBERS | _TEXTS | {"severity"}) - {RETENTION}
    return {name: checked(name, value) for name, value in wanted.items() if name in names and value is not None}


def settings_of(project: ProjectRecord) -> dict[str, str]:
    """All that is set, visibility included."""
    return {PUBLIC: str(project.is_public).lower(), **json.loads(project.settings)}


class ProjectSettings:
    """Changes them; what is done is on record. A project that is gone meanwhile is `NotFound`."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def update(
        self,
        actor: Actor,
        project: ProjectRecord,
        wanted: Mapping[str, str | None],
        allowed_cves: tuple[Sequence[str], int | None] | None,
    ) -> None:
        """Set what is named and leave the rest; `allowed_cves` are CVE numbers and when they expire, in seconds.

        Raises `BadQuery`, `RequestInvalid`, `NotFound`.
        """
        values = known(wanted)
        with self._database.write() as tx:
            current = _must_exist(tx, project.id)
            if allowed_cves:
                items, expires_at = allowed_cves
                allowlist = Allowlist.read(current.cve_allowlist).replaced(items, expires_at, self._clock())
                projects.set_allowlist(tx, current.id, allowlist.text())
            self._put(tx, actor, current, settings_of(current) | values)

    def description(self, project: ProjectRecord) -> str:
        """What it is for, in Markdown."""
        with self._database.read() as tx:
            return projects.read_description(tx, project.id)

    def describe(self, actor: Actor, project: ProjectRecord, description: str) -> None:
        """Say what it is for. Raises `NotFound`."""
        with self._database.write() as tx:
            current = _must_exist(tx, project.id)
            projects.describe(tx, current.id, description, self._clock())
            note_update(tx, actor, current, "description")

    def add(self, actor: Actor, project: ProjectRecord, name: str, value: str) -> None:
        """Raises `BadQuery`, `NotFound`, and `Conflict` for what is set already."""
        with self._database.write() as tx:
            current = _must_exist(tx, project.id)
            held = settings_of(current)
            if name in held:
                raise Conflict(f"metadata {name} of project {current.name} already exists")
            self._put(tx, actor, current, {**held, name: checked(name, value)})

    def change(self, actor: Actor, project: ProjectRecord, name: str, value: str) -> None:
        """Raises `BadQuery`, `NotFound`."""
        with self._database.write() as tx:
            current = _must_exist(tx, project.id)
            must_have(current, name)
            self._put(tx, actor, current, {**settings_of(current), name: checked(name, value)})

    def remove(self, actor: Actor, project: ProjectRecord, name: str) -> None:
        """Raises `NotFound`. A project without visibility is private."""
        with self._database.write() as tx:
            current = _must_exist(tx, project.id)
            must_have(current, name)
            held = settings_of(current)
            del held[name]
            self._put(tx, actor, current, held)

    def _put(self, tx: Transaction, actor: Actor, project: ProjectRecord, values: dict[str, str]) -> None:
        is_public = values.pop(PUBLIC, "false") == "true"
        projects.set_settings(tx, project.id, is_public=is_public, settings=json.dumps(values), now=self._clock())
        note_update(tx, actor, project)


def must_have(project: ProjectRecord, name: str) -> str:
    """The value of a setting. Raises `NotFound`."""
    value = settings_of(project).get(name)
    if value is None:
        raise NotFound(f"metadata {name[:40]} of project {project.name} not found")
    return value


def _must_exist(tx: Transaction, project_id: int) -> ProjectRecord:
    project = projects.find_by_id(tx, project_id)
    if project is None:
        raise NotFound(f"project {project_id} not found")
    return project
