"""`cove project`: projects, public and private."""

import click

from registry.commands.records import Data, Done, Record, on_data, time_text
from registry.core.projects import Projects
from storage.metadata.projects import ProjectRecord


@click.group("project")
def command() -> None:
    """Add, list and change projects.

    These commands work on the data itself, also while the server runs.
    """


@command.command()
@click.argument("name")
@click.option("--public", is_flag=True, help="Let everybody pull, signed in or not.")
@on_data
def add(data: Data, name: str, *, public: bool) -> Done:
    """Add a project."""
    project = _projects(data).create(name, public=public)
    return Done(_record(project), f"Project {name} was added; it is {_openness(project)}.")


@command.command("list")
@on_data
def list_(data: Data) -> list[Record]:
    """List every project."""
    return [_record(project) for project in _projects(data).list()]


@command.command()
@click.argument("name")
@on_data
def public(data: Data, name: str) -> Done:
    """Let everybody pull from a project."""
    return _set_public(data, name, public=True)


@command.command()
@click.argument("name")
@on_data
def private(data: Data, name: str) -> Done:
    """Let only its members pull from a project."""
    return _set_public(data, name, public=False)


@command.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Delete its repositories with it.")
@on_data
def delete(data: Data, name: str, *, force: bool) -> Done:
    """Delete a project that has no repositories."""
    return Done(_record(_projects(data).delete(name, force=force)), f"Project {name} was deleted.")


def _set_public(data: Data, name: str, *, public: bool) -> Done:
    project = _projects(data).set_public(name, public=public)
    return Done(_record(project), f"Project {name} is {_openness(project)} now.")


def _projects(data: Data) -> Projects:
    return Projects(data.database, data.store)


def _openness(project: ProjectRecord) -> str:
    return "public" if project.is_public else "private"


def _record(project: ProjectRecord) -> Record:
    return {"name": project.name, "public": project.is_public, "created_at": time_text(project.created_at)}
