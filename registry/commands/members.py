"""`cove member`: who has which role in a project."""

import click

from auth.access import OPERATOR
from auth.roles import Role
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.members import Memberships
from registry.core.projects import Projects
from storage.metadata.listings import Listing
from storage.metadata.members import Membership
from storage.metadata.projects import ProjectRecord


@click.group("member")
def command() -> None:
    """Say who may do what in a project.

    A ROLE is limitedGuest or guest (pull), developer (push too), maintainer (delete too) or projectAdmin.
    These commands work on the data itself, also while the server runs.
    """


@command.command()
@click.argument("project")
@click.argument("user")
@click.argument("role")
@on_data
def add(data: Data, project: str, user: str, role: str) -> Done:
    """Make a user a member of a project."""
    members, place = Memberships(data.database), _project(data, project)
    members.add_user(OPERATOR, place, user, Role.parse(role))
    return _given(place, members.get(place.id, user))


@command.command("role")
@click.argument("project")
@click.argument("user")
@click.argument("role")
@on_data
def set_role(data: Data, project: str, user: str, role: str) -> Done:
    """Give a member another role."""
    members, place = Memberships(data.database), _project(data, project)
    members.set_role(OPERATOR, place, user, Role.parse(role))
    return _given(place, members.get(place.id, user))


@command.command()
@click.argument("project")
@click.argument("user")
@on_data
def remove(data: Data, project: str, user: str) -> Done:
    """Take a member out of a project."""
    place = _project(data, project)
    member = Memberships(data.database).remove(OPERATOR, place, user)
    return Done(_record(place, member), f"User {user} is no longer a member of project {project}.")


@command.command("list")
@click.argument("project")
@on_data
def list_(data: Data, project: str) -> list[Record]:
    """List the members of a project, users and groups."""
    place = _project(data, project)
    found, _ = Memberships(data.database).page(place.id, Listing(size=0))
    return [_record(place, member) for member in found]


def _project(data: Data, name: str) -> ProjectRecord:
    return Projects(data.database, data.store).find(name)


def _given(project: ProjectRecord, member: Membership) -> Done:
    record = _record(project, member)
    return Done(record, f"User {member.name} is {record['role']} of project {project.name} now.")


def _record(project: ProjectRecord, member: Membership) -> Record:
    kind = "user" if member.group_id is None else "group"
    return {"project": project.name, "user": member.name, "kind": kind, "role": Role(member.role).label}
