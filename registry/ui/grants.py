"""Rights to be ticked: those of robots and of personal access tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auth.permits import EVERY_PROJECT, GRANTABLE, SYSTEM, Granted, Permit, Permits
from registry.errors import BadQuery
from registry.ui.languages import marked
from registry.web import Call
from storage.metadata.projects import ProjectRecord

USUAL = {
    "repository:pull": marked("Pull"),
    "repository:push": marked("Push"),
    "repository:delete": marked("Delete"),
    "artifact:delete": marked("Delete artifacts"),
    "tag:create": marked("Add tags"),
    "tag:delete": marked("Delete tags"),
}
"""What most programs need; the other rights are told by their names in the API."""
FOR_EVER = "-1"
LIVES = {
    "30": marked("30 days"),
    "90": marked("90 days"),
    "365": marked("365 days"),
    FOR_EVER: marked("It does not expire"),
}


@dataclass(frozen=True, slots=True)
class Grants:
    """What is ticked. `projects` are names; what differs from one project to another has `is_mixed`."""

    access: frozenset[str] = frozenset({"repository:pull"})
    system: frozenset[str] = frozenset()
    projects: Sequence[str] = ()
    is_everywhere: bool = True
    is_mixed: bool = False

    def permits(self, project: ProjectRecord | None = None) -> list[Permit]:
        """As they are kept, in one project where it is named. Raises `BadQuery` for no right, or one in no place."""
        places = [project.name] if project else [EVERY_PROJECT] if self.is_everywhere else self.projects
        access, system = _granted("project", self.access), _granted("system", frozenset() if project else self.system)
        if access and not places:
            raise BadQuery("name the projects that it is for")
        wanted = [Permit("project", place, access) for place in places if access]
        return [*wanted, *([Permit("system", SYSTEM, system)] if system else [])]


@dataclass(frozen=True, slots=True)
class Summary:
    """`rights` are those of `USUAL` that are granted anywhere, `others` how many more, `places` the projects."""

    rights: Sequence[str]
    others: int
    places: Sequence[str]


def sent_grants(call: Call) -> Grants:
    return Grants(
        frozenset(call.fields.get("access", ())),
        frozenset(call.fields.get("system", ())),
        call.form("projects").replace(",", " ").split(),
        is_everywhere=call.form("where") != "chosen",
    )


def held_grants(permits: Sequence[Permit], project: ProjectRecord | None) -> Grants:
    """Of what somebody has, in one project where that is named."""
    granted = {permit.namespace: _names(permit.access) for permit in permits if permit.kind == "project"}
    in_system = [name for permit in permits if permit.kind == "system" for name in _names(permit.access)]
    return Grants(
        frozenset().union(*granted.values()),
        frozenset(in_system),
        [] if project else [name for name in granted if name != EVERY_PROJECT],
        is_everywhere=EVERY_PROJECT in granted or not granted,
        is_mixed=len(set(granted.values())) > 1 or (EVERY_PROJECT in granted and len(granted) > 1),
    )


def summary_of(permits: Sequence[Permit]) -> Summary:
    read = Permits.of(permits)
    held = read.system.union(*read.projects.values())
    usual = [permission for permission in USUAL if permission in held]
    return Summary(usual, len(held) - len(usual), sorted(read.projects))


def choices() -> Mapping[str, object]:
    """What the template of the fields needs beside what is ticked."""
    return {"usual": USUAL, "more": _rows("project", without=USUAL), "system": _rows("system"), "lives": LIVES}


def sent_days(call: Call) -> int | None:
    """For how many days, -1 for ever, and None for what is usual. Raises `BadQuery`."""
    days = call.form("days")
    if days and days not in LIVES:
        raise BadQuery("choose how long it lives")
    return int(days) if days else None


def _names(access: Sequence[Granted]) -> frozenset[str]:
    return frozenset(each.permission for each in access)


def _granted(kind: str, names: frozenset[str]) -> tuple[Granted, ...]:
    known = {each.permission: each for each in GRANTABLE[kind]}
    if not names <= known.keys():
        raise BadQuery(f"there is no right {min(names - known.keys())[:80]!r}")
    return tuple(known[name] for name in known if name in names)


def _rows(kind: str, *, without: Mapping[str, str] | None = None) -> dict[str, list[Granted]]:
    """What can be granted, by what it is about."""
    rows: dict[str, list[Granted]] = {}
    for each in GRANTABLE[kind]:
        if each.permission not in (without or {}):
            rows.setdefault(each.resource, []).append(each)
    return rows
