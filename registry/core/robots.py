"""Robots: accounts of machines, with permissions of their own and a secret that is shown once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from auth.access import Actor
from auth.accounts import robot_prefix
from auth.passwords import WeakPassword, check_policy, hash_password
from auth.permits import EVERY_PROJECT, SYSTEM, Permit, Permits
from auth.secrets import generate_robot_secret, hash_secret
from registry.core import audit, settings
from registry.core.clocks import DAY_MS
from registry.core.filters import filtered
from registry.core.permits import must_be_grantable, permits_text
from registry.errors import BadQuery, Conflict, Denied, NotFound
from storage.clock import now_ms
from storage.metadata import projects, robots
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.projects import ProjectRecord
from storage.metadata.robots import RobotRecord

FOR_EVER = -1
_DURATION_LIMIT = 2**31 - 1
_NAME_LIMIT = 255
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a robot is to be. `days` is -1 for one that does not expire, and None for what is usual here.

    Without a `secret` it gets one.
    """

    name: str
    permissions: Sequence[Permit]
    description: str = ""
    days: int | None = None
    is_disabled: bool = False
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A new robot, the name it signs in with, and its secret, which nobody can read again."""

    robot: RobotRecord
    name: str
    secret: str


class Robots:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def prefix(self) -> str:
        """What stands before the names of all robots."""
        with self._database.read() as tx:
            return robot_prefix(tx)

    def page(self, project_id: int | None, listing: Listing) -> tuple[list[RobotRecord], int]:
        """A page of the robots of a project, or of the system, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return robots.list_page(tx, project_id, listing)

    def get(self, robot_id: int) -> RobotRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _must_exist(tx, robot_id)

    def create(self, actor: Actor, wish: Wish, project: ProjectRecord | None) -> Made:
        """Make a robot of a project, or of the system.

        Raises `BadQuery`, `Conflict`, and `Denied` for one that may do more than a robot, or a bounded token, that
        makes it.
        """
        if len(wish.name) > _NAME_LIMIT or not _NAME.fullmatch(wish.name):
            raise BadQuery("bad request: robot name is not in lower case or contains illegal characters")
        _must_be_within(actor, wish.permissions)
        secret, stored = _secret(wish.secret)
        name = f"{project.name}+{wish.name}" if project else wish.name
        with self._database.write() as tx:
            _must_be_grantable(tx, wish.permissions, project)
            if robots.find(tx, name):
                raise Conflict(f"robot account {project.id if project else 0}:{wish.name} already exists")
            made = robots.add(tx, {"name": name, "secret_hash": stored, **self._values(tx, actor, wish, project)})
            _record(tx, actor, "create", made)
            return Made(made, robot_prefix(tx) + name, secret)

    def change(self, actor: Actor, robot_id: int, wish: Wish) -> None:
        """Give a robot other permissions, another description or length of life, disable it or enable it.

        Its name and secret stay. Raises `NotFound`, `BadQuery`, `Denied`.
        """
        _must_be_within(actor, wish.permissions)
        with self._database.write() as tx:
            robot = _must_exist(tx, robot_id)
            project = projects.find_by_id(tx, robot.project_id) if robot.project_id else None
            _must_be_grantable(tx, wish.permissions, project)
            days = robot.duration_days if wish.days is None else _valid_days(wish.days)
            robots.change(
                tx,
                robot.id,
                description=wish.description,
                permissions=permits_text(wish.permissions),
                duration_days=days,
                expires_at=_end(robot.created_at, days),
                is_disabled=wish.is_disabled,
                updated_at=self._clock(),
            )
            _record(tx, actor, "update", robot)

    def set_disabled(self, actor: Actor, robot_id: int, *, disabled: bool) -> None:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            robot = _must_exist(tx, robot_id)
            robots.change(tx, robot.id, is_disabled=disabled, updated_at=self._clock())
            _record(tx, actor, "update", robot)

    def set_secret(self, actor: Actor, robot_id: int, wanted: str) -> str | None:
        """Give a robot another secret: `wanted`, or where that is empty a new one, which is returned.

        Raises `NotFound`, `BadQuery`, `Denied`. Tokens that were issued before are void.
        """
        secret, stored = _secret(wanted)
        with self._database.write() as tx:
            robot = _must_exist(tx, robot_id)
            _must_be_within(actor, permits_of(robot))
            robots.set_secret(tx, robot.id, stored, self._clock())
            _record(tx, actor, "update", robot)
        return None if wanted else secret

    def delete(self, actor: Actor, robot_id: int) -> None:
        """Raises `NotFound`. Tokens that were issued for it are void."""
        with self._database.write() as tx:
            robot = _must_exist(tx, robot_id)
            robots.remove(tx, robot.id)
            _record(tx, actor, "delete", robot)

    def _values(self, tx: Transaction, actor: Actor, wish: Wish, project: ProjectRecord | None) -> dict[str, Any]:
        now, days = self._clock(), _usual_days(tx) if wish.days is None else _valid_days(wish.days)
        return {
            "project_id": project.id if project else None,
            "description": wish.description,
            "secret_version": 1,
            "duration_days": days,
            "expires_at": _end(now, days),
            "is_disabled": wish.is_disabled,
            "permissions": permits_text(wish.permissions),
            "creator_kind": "robot" if actor.robot else "local",
            "creator_id": actor.robot.id if actor.robot else actor.user_id or 0,
            "created_at": now,
            "updated_at": now,
        }


def permits_of(robot: RobotRecord) -> list[Permit]:
    return msgspec.json.decode(robot.permissions, type=list[Permit])


def _must_exist(tx: Transaction, robot_id: int) -> RobotRecord:
    robot = robots.find_by_id(tx, robot_id)
    if robot is None:
        raise NotFound(f"robot {robot_id} not found")
    return robot


def _must_be_grantable(tx: Transaction, wanted: Sequence[Permit], project: ProjectRecord | None) -> None:
    """Raises `BadQuery`."""
    must_be_grantable(wanted)
    if project and [(permit.kind, permit.namespace) for permit in wanted] != [("project", project.name)]:
        raise BadQuery("bad request: a robot of a project has one permission, in that project")
    for permit in wanted:
        _must_be_a_place(tx, permit)


def _must_be_a_place(tx: Transaction, permit: Permit) -> None:
    if permit.kind == "system":
        is_there = permit.namespace == SYSTEM
    else:
        is_there = permit.kind == "project" and (
            permit.namespace == EVERY_PROJECT or projects.find(tx, permit.namespace) is not None
        )
    if not is_there:
        raise BadQuery(f"bad request: there is no {permit.kind[:40]!r} {permit.namespace[:80]!r} to permit anything in")


def _must_be_within(actor: Actor, wanted: Sequence[Permit]) -> None:
    """A robot, or a token with bounds, cannot make a robot that may do more, nor become one. Raises `Denied`."""
    if actor.permits is not None and not actor.permits.covers(Permits.of(wanted)):
        raise Denied(
            "permission scope is invalid. It must be equal to or more restrictive than the creator robot's permissions:"
            f" {actor.name}"
        )


def _secret(wanted: str) -> tuple[str, str]:
    """A secret and its hash. Raises `BadQuery` for one that is too weak."""
    if not wanted:
        made = generate_robot_secret()
        return made, hash_secret(made)
    try:
        check_policy(wanted)
    except WeakPassword as error:
        raise BadQuery(f"bad request: {error}") from None
    return wanted, hash_password(wanted)


def _valid_days(days: int) -> int:
    if days != FOR_EVER and not 1 <= days < _DURATION_LIMIT:
        raise BadQuery(
            f"bad request error duration input: {days}, duration must be either -1(Never) or a positive integer"
        )
    return days


def _usual_days(tx: Transaction) -> int:
    return settings.read_number(tx, "robot_token_duration")


def _end(created_at: int, days: int) -> int | None:
    return None if days == FOR_EVER else created_at + days * DAY_MS


def _record(tx: Transaction, actor: Actor, operation: str, robot: RobotRecord) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="robot",
        resource=robot_prefix(tx) + robot.name,
        project_id=robot.project_id,
    )
