"""Robots of a project, and of the system where the address names no project."""

from dataclasses import dataclass

from starlette.responses import Response

from registry.core.robots import Robots, Wish, permits_of
from registry.errors import BadQuery, Conflict, Denied, NotFound
from registry.ui.grants import USUAL, Grants, Summary, choices, held_grants, sent_days, sent_grants, summary_of
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.ui.secrets import told
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.clock import now_ms
from storage.metadata.projects import ProjectRecord
from storage.metadata.robots import RobotRecord


@dataclass(frozen=True, slots=True)
class ShownRobot:
    """`name` is what it signs in with."""

    record: RobotRecord
    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields."""

    grants: Grants
    name: str = ""
    description: str = ""
    days: str = "30"


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
        return self._form(call, Form(Grants()))

    def create(self, call: Call) -> Response:
        form = _sent(call)
        try:
            wish = Wish(form.name, form.grants.permits(_project(call)), form.description, sent_days(call))
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
        held, project = permits_of(robot), _project(call)
        try:
            permits = held if held_grants(held, project).is_mixed else form.grants.permits(project)
            wish = Wish(robot.name, permits, form.description, sent_days(call), robot.is_disabled)
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
            grants=form.grants,
            base=_base(call),
            error=error,
            detail=detail,
            now=now_ms(),
            **choices(),
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
    return ShownRobot(robot, prefix + robot.name, summary_of(permits_of(robot)))


def _sent(call: Call) -> Form:
    return Form(sent_grants(call), call.form("name"), call.form("description"), call.form("days"))


def _form_of(robot: RobotRecord, project: ProjectRecord | None) -> Form:
    return Form(held_grants(permits_of(robot), project), robot.name, robot.description, "")
