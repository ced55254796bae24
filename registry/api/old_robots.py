"""Robots of a project in the form of Harbor up to 2.12, which `harborapi` still has: `/projects/{project}/robots`."""

import math
import re

from starlette.responses import Response

from auth.permits import Granted, Permit
from registry.api.answers import Model, created, done, listed, shown
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.api.robots import Robot, RobotCreated, shown_created, shown_robot
from registry.contracts import PAGED, answers
from registry.core.clocks import DAY_MS
from registry.core.robots import FOR_EVER, Robots, Wish
from registry.errors import BadQuery, NotFound
from registry.web import Call
from storage.clock import now_ms
from storage.metadata.robots import RobotRecord

_RESOURCE = re.compile(r"/project/[0-9]+/")


class NewOldRobot(Model, kw_only=True):
    """Harbor's `RobotCreateV1`; `expires_at` is in seconds since 1970, -1 is for ever, and 0 what is usual."""

    name: str = ""
    description: str = ""
    expires_at: int = 0
    access: list[Granted] | None = None


class Switch(Model, kw_only=True):
    """What can be changed of such a robot."""

    disable: bool = False


class OldRobotEndpoints:
    def __init__(self, robots: Robots) -> None:
        self._robots = robots

    @answers(list[Robot], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._robots.page(call.project.id, listing)
        prefix = self._robots.prefix()
        return listed(call, listing, [shown_robot(each, prefix) for each in found], total)

    @answers(RobotCreated, takes=NewOldRobot, status=201, refuses=(409,))
    def post(self, call: Call) -> Response:
        body = parse_body(call.body, NewOldRobot)
        access = tuple(Granted(_RESOURCE.sub("", each.resource), each.action) for each in body.access or ())
        wish = Wish(body.name, [Permit("project", call.project.name, access)], body.description, _days(body.expires_at))
        made = self._robots.create(call.actor, wish, call.project)
        return created(call, made.robot.id, content=shown_created(made))

    @answers(Robot)
    def get(self, call: Call) -> Response:
        return shown(shown_robot(self._found(call), self._robots.prefix()))

    @answers(takes=Switch)
    def put(self, call: Call) -> Response:
        self._robots.set_disabled(call.actor, self._found(call).id, disabled=parse_body(call.body, Switch).disable)
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._robots.delete(call.actor, self._found(call).id)
        return done()

    def _found(self, call: Call) -> RobotRecord:
        robot = self._robots.get(call.number("robot_id"))
        if robot.project_id != call.project.id:
            raise NotFound(f"robot {robot.id} not found")
        return robot


def _days(expires_at: int) -> int | None:
    """Whole days from now on, the last one not yet over at that time. Raises `BadQuery` for a time that has passed."""
    if expires_at in (0, FOR_EVER):
        return expires_at or None
    left = expires_at * 1000 - now_ms()
    if left <= 0:
        raise BadQuery("bad request: expires_at has passed")
    return math.ceil(left / DAY_MS)
