"""`cove repository`: repositories, and their way back."""

import click

from auth.access import OPERATOR
from registry.commands.images import (
    PAGE,
    all_pages,
    counted,
    deleted_option,
    force_option,
    repository_of,
    restored_record,
    restored_text,
    restoring_of,
    until_text,
)
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.repositories import Repositories
from storage.clock import utc_text


@click.group("repository")
def command() -> None:
    """List, delete and restore repositories.

    These commands work on the data itself, also while the server runs.
    """


@command.command("list")
@deleted_option
@on_data
def list_(data: Data, *, deleted: bool) -> list[Record]:
    """List every repository."""
    repositories = Repositories(data.database)
    if deleted:
        gone = all_pages(lambda after: repositories.list_deleted(after=after, count=PAGE), lambda each: each.name)
        return [
            {
                "name": each.name,
                "manifests": each.manifests,
                "deleted_at": utc_text(each.deleted_at),
                "deleted_by": each.deleted_by or "",
                "restorable_until": until_text(data, each.deleted_at),
            }
            for each in gone
        ]
    known = all_pages(lambda after: repositories.list(after=after, count=PAGE), lambda each: each.name)
    return [{"name": each.name, "tags": each.tags, "manifests": each.manifests} for each in known]


@command.command()
@click.argument("repository")
@on_data
def delete(data: Data, repository: str) -> Done:
    """Delete a repository; it can be restored."""
    gone = Repositories(data.database).delete(OPERATOR, repository_of(data, repository))
    record: Record = {"name": gone.name, "tags": gone.tags, "manifests": gone.manifests}
    counts = f"{counted(gone.manifests, 'manifest')}, {counted(gone.tags, 'tag')}"
    return Done(record, f"Repository {gone.name} was deleted: {counts}.")


@command.command()
@click.argument("repository")
@force_option
@on_data
def restore(data: Data, repository: str, *, force: bool) -> Done:
    """Bring a deleted repository back as it was.

    What was pushed to it since stays. Where a tag points elsewhere since, nothing is done without --force.
    """
    chosen = repository_of(data, repository)
    restored = restoring_of(data).restore_repository(OPERATOR, chosen, force=force)
    counts = f"{counted(len(restored.manifests), 'manifest')}, {counted(len(restored.tags), 'tag')}"
    sentence = restored_text(f"Repository {chosen.name} was restored: {counts}.", restored)
    return Done(restored_record(chosen, restored), sentence)
