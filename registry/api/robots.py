"""Robots: `/robots`, where the body or the query tells whether they are the system's or a project's."""

import msgspec
from starlette.responses import Response

from auth.permits import Permit
from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.gate import Gate
from registry.core.robots import FOR_EVER, Made, Robots, Wish
from registry.errors import BadQuery, NotFound
from registry.web import Call
from storage.metadata.listings import Listing
from storage.metadata.projects import ProjectRecord
from storage.metadata.robots import RobotRecord


class Access(Model, kw_only=True):
    """Harbor's `Access`."""

    resource: str
    action: str
    effect: str = ""


class RobotPermission(Model, kw_only=True):
    """Harbor's `RobotPermission`."""

    kind: str
    namespace: str
    access: list[Access]


class Robot(Model, kw_only=True):
    """Harbor's `Robot`; `duration` is in days, `expires_at` in seconds since 1970, and both are -1 for ever."""

    id: int
    name: str
    description: str = ""
    level: str
    duration: int
    editable: bool
    disable: bool
    expires_at: int
    permissions: list[RobotPermission]
    creator_type: str
    creator_ref: int = 0
    creation_time: str
    update_time: str


class RobotCreated(Model, kw_only=True):
    """Harbor's `RobotCreated`."""

    id: int
    name: str
    secret: str
    creation_time: str
    expires_at: int


class NewRobot(Model, kw_only=True):
    """Harbor's `RobotCreate`; and `Robot`, when it is changed."""

    name: str = ""
    description: str = ""
    secret: str = ""
    level: str = ""
    disable: bool = False
    duration: int | None = None
    permissions: list[Permit] | None = None

    def wish(self) -> Wish:
        return Wish(self.name, self.permissions or (), self.description, self.duration, self.disable, self.secret)


class RobotSecret(Model, kw_only=True):
    """Harbor's `RobotSec`."""

    secret: str = ""


class RobotEndpoints:
    def __init__(self, robots: Robots, gate: Gate) -> None:
        self._robots = robots
        self._gate = gate

    @answers(list[Robot], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        project_id = _asked_project(listing)
        self._gate.must_in(call.actor, "robot:list", project_id)
        found, total = self._robots.page(project_id, listing)
        prefix = self._robots.prefix()
        return listed(call, listing, [shown_robot(each, prefix) for each in found], total)

    @answers(RobotCreated, takes=NewRobot, status=201, refuses=(404, 409))
    def post(self, call: Call) -> Response:
        body = parse_body(call.body, NewRobot)
        made = self._robots.create(call.actor, body.wish(), self._place_for(call, body))
        return created(call, made.robot.id, content=shown_created(made))

    @answers(Robot)
    def get(self, call: Call) -> Response:
        return shown(shown_robot(self._found(call, "robot:read"), self._robots.prefix()))

    @answers(takes=NewRobot)
    def put(self, call: Call) -> Response:
        robot, body = self._found(call, "robot:update"), parse_body(call.body, NewRobot)
        if (body.name, body.level) != (self._robots.prefix() + robot.name, _level(robot)):
            raise BadQuery("bad request: cannot update the level or name of robot")
        self._robots.change(call.actor, robot.id, body.wish())
        return done()

    @answers(RobotSecret, takes=RobotSecret)
    def patch(self, call: Call) -> Response:
        robot, wanted = self._found(call, "robot:update"), parse_body(call.body, RobotSecret)
        return shown(RobotSecret(secret=self._robots.set_secret(call.actor, robot.id, wanted.secret) or ""))

    @answers()
    def delete(self, call: Call) -> Response:
        self._robots.delete(call.actor, self._found(call, "robot:delete").id)
        return done()

    def _found(self, call: Call, permission: str) -> RobotRecord:
        """The robot of the address, where the actor has the permission. Raises `NotFound` and what the gate raises."""
        try:
            robot = self._robots.get(call.number("robot_id"))
        except NotFound:
            self._gate.must_in_system(call.actor, permission)
            raise
        self._gate.must_in(call.actor, permission, robot.project_id)
        return robot

    def _place_for(self, call: Call, body: NewRobot) -> ProjectRecord | None:
        if body.level == "system":
            self._gate.must_in_system(call.actor, "robot:create")
            return None
        if body.level != "project":
            raise BadQuery("bad request: the level of a robot is system or project")
        named = {permit.namespace for permit in body.permissions or ()}
        if len(named) != 1:
            raise BadQuery("bad request: a robot of a project has one permission, in that project")
        return self._gate.enter_project(call.actor, "robot:create", named.pop()).project


def _asked_project(listing: Listing) -> int | None:
    """The project whose robots a query asks for; the system's are asked for by itself. Raises `BadQuery`."""
    level, project = listing.wanted("level"), listing.wanted("project_id")
    if level is None or level.values[0] == "system":
        return None
    number = project.values[0] if project else None
    if number is None or not number.isdecimal():
        raise BadQuery("bad request: must with project ID when to query project robots")
    return int(number)


def _level(robot: RobotRecord) -> str:
    return "system" if robot.project_id is None else "project"


def shown_robot(robot: RobotRecord, prefix: str) -> Robot:
    """`prefix` is what stands before the names of all robots."""
    return Robot(
        id=robot.id,
        name=prefix + robot.name,
        description=robot.description,
        level=_level(robot),
        duration=robot.duration_days,
        editable=True,
        disable=robot.is_disabled,
        expires_at=_seconds(robot.expires_at),
        permissions=msgspec.json.decode(robot.permissions, type=list[RobotPermission]),
        creator_type=robot.creator_kind,
        creator_ref=robot.creator_id,
        creation_time=time_text(robot.created_at),
        update_time=time_text(robot.updated_at),
    )


def shown_created(made: Made) -> RobotCreated:
    return RobotCreated(
        id=made.robot.id,
        name=made.name,
        secret=made.secret,
        creation_time=time_text(made.robot.created_at),
        expires_at=_seconds(made.robot.expires_at),
    )


def _seconds(ms: int | None) -> int:
    return FOR_EVER if ms is None else ms // 1000
