"""`cove member`: who has which role in a project."""

import click

from auth.roles import Role
from registry.commands.records import Data, Done, Record, on_data
from registry.core.members import Members
from storage.metadata.members import MemberRecord


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
    return _given(project, Members(data.database).add(project, user, Role.parse(role)))


@command.command("role")
@click.argument("project")
@click.argument("user")
@click.argument("role")
@on_data
def set_role(data: Data, project: str, user: str, role: str) -> Done:
    """Give a member another role."""
    return _given(project, Members(data.database).set_role(project, user, Role.parse(role)))


@command.command()
@click.argument("project")
@click.argument("user")
@on_data
def remove(data: Data, project: str, user: str) -> Done:
    """Take a member out of a project."""
    member = Members(data.database).remove(project, user)
    return Done(_record(project, member), f"User {user} is no longer a member of project {project}.")


@command.command("list")
@click.argument("project")
@on_data
def list_(data: Data, project: str) -> list[Record]:
    """List the members of a project."""
    return [_record(project, member) for member in Members(data.database).list(project)]


def _given(project: str, member: MemberRecord) -> Done:
    record = _record(project, member)
    return Done(record, f"User {member.user} is {record['role']} of project {project} now.")


def _record(project: str, member: MemberRecord) -> Record:
    return {"project": project, "user": member.user, "role": Role(member.role).label}
