"""Robots of a project, and of the system where the address names no project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from auth.permits import EVERY_PROJECT, GRANTABLE, SYSTEM, Granted, Permit, Permits
from registry.core.robots import FOR_EVER, Robots, Wish, permits_of
from registry.errors import BadQuery, Conflict, Denied, NotFound
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.ui.secrets import told
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.clock import now_ms
from storage.metadata.projects import ProjectRecord
from storage.metadata.robots import RobotRecord

USUAL = {
    "repository:pull": marked("Pull"),
    "repository:push": marked("Push"),
    "repository:delete": marked("Delete"),
    "artifact:delete": marked("Delete artifacts"),
    "tag:create": marked("Add tags"),
    "tag:delete": marked("Delete tags"),
}
"""What most robots are for; the other rights are told by their names in the API."""
LIVES = {
    "30": marked("30 days"),
    "90": marked("90 days"),
    "365": marked("365 days"),
    str(FOR_EVER): marked("It does not expire"),
}
_ACCESS, _SYSTEM = "access", "system"


@dataclass(frozen=True, slots=True)
class ShownRobot:
    """`rights` are those of `USUAL` that it has anywhere, `others` how many more, `places` the projects they are in."""

    record: RobotRecord
    name: str
    rights: Sequence[str]
    others: int
    places: Sequence[str]


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields. `projects` are names; what differs from one project to another has `is_mixed`."""

    name: str = ""
    description: str = ""
    days: str = "30"
    access: frozenset[str] = frozenset()
    system: frozenset[str] = frozenset()
    projects: Sequence[str] = field(default_factory=tuple)
    is_everywhere: bool = True
    is_mixed: bool = False


class RobotScreens:
    def __init__(self, pages: Pages, robots: Robots) -> None:
        self._pages = pages
        self._robots = robots

    def index(self, call: Call) -> Response:
        found, total = self._robots.page(_project_id(call), listing_of(call))
        prefix = self._robots.prefix()
        listed = shown(call, ([_shown(robot, prefix) for robot in found], total))
        return self._pages.show(call, "robots.html", list=listed, usual=USUAL, base=_base(call), now=now_ms())

    def new(self, call: Call) -> Response:
        return self._form(call, Form(access=frozenset({"repository:pull"})))

    def create(self, call: Call) -> Response:
        form = _sent(call)
        try:
            wish = Wish(form.name, _permits(form, _project(call)), form.description, _days(form))
            made = self._robots.create(call.actor, wish, _project(call))
        except Conflict:
            return self._form(call, form, marked("There is a robot of this name already."))
        except (BadQuery, Denied) as error:
            return self._form(call, form, marked("The robot was not made:"), detail=reason(error))
        return self._secret(call, made.name, made.secret)

    def get(self, call: Call) -> Response:
        robot = self._found(call)
        return self._form(call, _form_of(robot, _project(call)), robot=robot)

    def change(self, call: Call) -> Response:
        robot, form = self._found(call), _sent(call)
        held = permits_of(robot)
        is_mixed = _form_of(robot, _project(call)).is_mixed
        try:
            permits = held if is_mixed else _permits(form, _project(call))
            wish = Wish(robot.name, permits, form.description, _days(form), robot.is_disabled)
            self._robots.change(call.actor, robot.id, wish)
        except (BadQuery, Denied) as error:
            return self._form(call, form, marked("The robot was not changed:"), detail=reason(error), robot=robot)
        return self._done(call, robot, marked("Robot %(name)s was changed."))

    def set_disabled(self, call: Call) -> Response:
        robot, disabled = self._found(call), call.form("disabled") == "true"
        self._robots.set_disabled(call.actor, robot.id, disabled=disabled)
        note = marked("Robot %(name)s was disabled.") if disabled else marked("Robot %(name)s was enabled.")
        return self._done(call, robot, note)

    def ask_secret(self, call: Call) -> Response:
        return self._asked(call, "new_secret.html")

    def set_secret(self, call: Call) -> Response:
        robot = self._found(call)
        secret = self._robots.set_secret(call.actor, robot.id, "")
        return self._secret(call, self._robots.prefix() + robot.name, secret or "")

    def ask_delete(self, call: Call) -> Response:
        return self._asked(call, "delete_robot.html")

    def delete(self, call: Call) -> Response:
        robot = self._found(call)
        self._robots.delete(call.actor, robot.id)
        return self._done(call, robot, marked("Robot %(name)s was deleted."))

    def _found(self, call: Call) -> RobotRecord:
        """The robot of the address, which is one of its project. Raises `NotFound`."""
        robot = self._robots.get(call.number("robot_id"))
        if robot.project_id != _project_id(call):
            raise NotFound(f"robot {robot.id} not found")
        return robot

    def _form(
        self, call: Call, form: Form, error: str = "", *, detail: str = "", robot: RobotRecord | None = None
    ) -> Response:
        return self._pages.show(
            call,
            "robot.html",
            422 if error else 200,
            form=form,
            robot=_shown(robot, self._robots.prefix()) if robot else None,
            prefix=self._robots.prefix(),
            usual=USUAL,
            more=_rows("project", without=USUAL),
            system=_rows("system"),
            lives=LIVES,
            base=_base(call),
            error=error,
            detail=detail,
            now=now_ms(),
        )

    def _asked(self, call: Call, template: str) -> Response:
        robot = _shown(self._found(call), self._robots.prefix())
        return self._pages.show(call, template, robot=robot, base=_base(call))

    def _secret(self, call: Call, name: str, secret: str) -> Response:
        told_of = told(name, secret, self._pages.host(call.request))
        return self._pages.show(call, "secret.html", secret=told_of, back=_base(call))

    def _done(self, call: Call, robot: RobotRecord, note: str) -> Response:
        return self._pages.go(call, _base(call), note, name=self._robots.prefix() + robot.name)


def _project(call: Call) -> ProjectRecord | None:
    return call.place.project if call.place else None


def _project_id(call: Call) -> int | None:
    return call.place.project.id if call.place else None


def _base(call: Call) -> str:
    """The address of the list."""
    return f"{PAGES}/projects/{call.place.project.name}/robots" if call.place else f"{PAGES}/robots"


def _shown(robot: RobotRecord, prefix: str) -> ShownRobot:
    permits = Permits.of(permits_of(robot))
    held = permits.system.union(*permits.projects.values())
    usual = [permission for permission in USUAL if permission in held]
    return ShownRobot(robot, prefix + robot.name, usual, len(held) - len(usual), sorted(permits.projects))


def _rows(kind: str, *, without: Mapping[str, str] | None = None) -> dict[str, list[Granted]]:
    """What can be granted, by what it is about."""
    rows: dict[str, list[Granted]] = {}
    for each in GRANTABLE[kind]:
        if each.permission not in (without or {}):
            rows.setdefault(each.resource, []).append(each)
    return rows


def _sent(call: Call) -> Form:
    return Form(
        call.form("name"),
        call.form("description"),
        call.form("days"),
        frozenset(call.fields.get(_ACCESS, ())),
        frozenset(call.fields.get(_SYSTEM, ())),
        call.form("projects").replace(",", " ").split(),
        is_everywhere=call.form("where") != "chosen",
    )


def _form_of(robot: RobotRecord, project: ProjectRecord | None) -> Form:
    held = permits_of(robot)
    granted = {permit.namespace: _names(permit.access) for permit in held if permit.kind == "project"}
    in_system = [name for permit in held if permit.kind == "system" for name in _names(permit.access)]
    return Form(
        robot.name,
        robot.description,
        "",
        frozenset().union(*granted.values()),
        frozenset(in_system),
        [] if project else [name for name in granted if name != EVERY_PROJECT],
        is_everywhere=EVERY_PROJECT in granted or not granted,
        is_mixed=len(set(granted.values())) > 1 or (EVERY_PROJECT in granted and len(granted) > 1),
    )


def _names(access: Sequence[Granted]) -> frozenset[str]:
    return frozenset(each.permission for each in access)


def _permits(form: Form, project: ProjectRecord | None) -> list[Permit]:
    """Raises `BadQuery` for what is no right, or names no place."""
    places = [project.name] if project else [EVERY_PROJECT] if form.is_everywhere else form.projects
    access, system = _granted("project", form.access), _granted("system", frozenset() if project else form.system)
    if access and not places:
        raise BadQuery("name the projects that it is for")
    wanted = [Permit("project", place, access) for place in places if access]
    return [*wanted, *([Permit("system", SYSTEM, system)] if system else [])]


def _granted(kind: str, names: frozenset[str]) -> tuple[Granted, ...]:
    known = {each.permission: each for each in GRANTABLE[kind]}
    if not names <= known.keys():
        raise BadQuery(f"there is no right {min(names - known.keys())[:80]!r}")
    return tuple(known[name] for name in known if name in names)


def _days(form: Form) -> int | None:
    """Raises `BadQuery`."""
    if form.days and form.days not in LIVES:
        raise BadQuery("choose how long it lives")
    return int(form.days) if form.days else None
