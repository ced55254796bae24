"""`cove project`: projects, public and private."""

import click

from registry import values
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.projects import Projects, Recount
from storage.clock import utc_text
from storage.metadata.projects import ProjectRecord


@click.group("project")
def command() -> None:
    """Add, list and change projects.

    A SIZE is a number of bytes, such as 500MB, 10GiB or 1048576, or none for no limit.
    These commands work on the data itself, also while the server runs.
    """


@command.command()
@click.argument("name")
@click.option("--public", is_flag=True, help="Let everybody pull, signed in or not.")
@click.option("--quota", metavar="SIZE", help="How much it may keep. Default: quota_bytes, a setting.")
@on_data
def add(data: Data, name: str, *, public: bool, quota: str | None) -> Done:
    """Add a project."""
    limit = data.config.quota_bytes if quota is None else _bytes(quota)
    project = Projects(data.database, data.store, quota=limit).create(name, public=public)
    return Done(_record(project), f"Project {name} was added; it is {_openness(project)}.")


@command.command("list")
@on_data
def list_(data: Data) -> list[Record]:
    """List every project."""
    return [_record(project) for project in _projects(data).list()]


@command.command()
@click.argument("name")
@on_data
def show(data: Data, name: str) -> Done:
    """Show a project and how much it keeps."""
    project = _projects(data).find(name)
    return Done(_record(project), f"Project {name} is {_openness(project)} and {_limit(project)}; {_use(project)}.")


@command.command()
@click.argument("name")
@click.argument("size")
@on_data
def quota(data: Data, name: str, size: str) -> Done:
    """Limit how much a project may keep."""
    limit = _bytes(size)
    project = _projects(data).set_quota(name, limit)
    is_beyond = limit is not None and project.used_bytes > limit
    hint = ": nothing more can be pushed to it until that is less" if is_beyond else ""
    return Done(_record(project), f"Project {name} {_limit(project)} now; {_use(project)}{hint}.")


@command.command()
@click.argument("name", required=False)
@on_data
def recount(data: Data, name: str | None) -> list[Record]:
    """Count anew how much a project keeps, or each."""
    projects = _projects(data)
    names = [name] if name else [project.name for project in projects.list()]
    return [_difference(projects.recount(each)) for each in names]


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
@click.option("--force", is_flag=True, help="Delete its repositories with it; they cannot be restored.")
@on_data
def delete(data: Data, name: str, *, force: bool) -> Done:
    """Delete a project that has no repositories, for good."""
    return Done(_record(_projects(data).delete(name, force=force)), f"Project {name} was deleted.")


def _set_public(data: Data, name: str, *, public: bool) -> Done:
    project = _projects(data).set_public(name, public=public)
    return Done(_record(project), f"Project {name} is {_openness(project)} now.")


def _projects(data: Data) -> Projects:
    return Projects(data.database, data.store)


def _openness(project: ProjectRecord) -> str:
    return "public" if project.is_public else "private"


def _bytes(text: str) -> int | None:
    """What `none` or a size means."""
    try:
        return None if text == "none" else values.size(text)
    except ValueError as error:
        raise click.BadParameter(f"a size {error}") from None


def _limit(project: ProjectRecord) -> str:
    return "has no limit" if project.quota_bytes is None else f"may keep {values.size_text(project.quota_bytes)}"


def _use(project: ProjectRecord) -> str:
    return f"it keeps {values.size_text(project.used_bytes)}"


def _difference(recount: Recount) -> Record:
    return {
        "name": recount.project,
        "recorded_bytes": recount.recorded,
        "used_bytes": recount.used,
        "difference_bytes": recount.used - recount.recorded,
    }


def _record(project: ProjectRecord) -> Record:
    return {
        "name": project.name,
        "public": project.is_public,
        "used_bytes": project.used_bytes,
        "quota_bytes": project.quota_bytes,
        "created_at": utc_text(project.created_at),
    }
