"""`cove tag`: tags, what became of them, and their way back."""

import click

from auth.access import OPERATOR
from registry.commands.images import (
    PAGE,
    all_pages,
    as_moment,
    counted,
    deleted_option,
    force_option,
    manifests_of,
    repository_of,
    restored_record,
    restored_text,
    restoring_of,
    tag_of,
    until_text,
)
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.tags import Tags, TagVersion
from registry.oci.names import Reference, parse_digest
from storage.clock import utc_text


@click.group("tag")
def command() -> None:
    """List, delete and restore tags.

    An IMAGE is REPOSITORY:TAG. These commands work on the data itself, also while the server runs.
    """


@command.command("list")
@click.argument("repository")
@deleted_option
@on_data
def list_(data: Data, repository: str, *, deleted: bool) -> list[Record]:
    """List the tags of a repository."""
    tags, chosen = Tags(data.database), repository_of(data, repository)
    if deleted:
        return [
            {
                "tag": tag.name,
                "digest": tag.digest,
                "deleted_at": utc_text(tag.removed_at),
                "deleted_by": tag.user_name or "",
                "restorable_until": until_text(data, tag.deleted_at),
            }
            for tag in tags.list_deleted(chosen)
        ]
    found = all_pages(lambda after: tags.list_targets(chosen, after=after, count=PAGE), lambda row: row[0].name)
    return [{"tag": tag.name, "digest": tag.digest, "pushed_at": utc_text(at)} for tag, at in found]


@command.command()
@click.argument("image")
@click.option(
    "--last", metavar="COUNT", type=click.IntRange(min=1), default=100, help="How many changes. Default: 100."
)
@on_data
def history(data: Data, image: str, *, last: int) -> list[Record]:
    """Tell what a tag pointed to, since when, and by whom."""
    repository, tag = tag_of(data, image)
    versions, _ = Tags(data.database).history(repository, tag, count=last)
    return [_version(version) for version in versions]


@command.command()
@click.argument("image")
@on_data
def delete(data: Data, image: str) -> Done:
    """Delete a tag; it can be restored."""
    repository, tag = tag_of(data, image)
    manifests_of(data).delete(OPERATOR, repository, Reference(tag=tag))
    record: Record = {"repository": str(repository.name), "tag": tag}
    return Done(record, f"Tag {repository.name}:{tag} was deleted.")


@command.command()
@click.argument("image")
@click.option("--to", metavar="DIGEST", help="The manifest that it is to point to, one of its history.")
@click.option(
    "--before", metavar="TIME", callback=as_moment, help="What it pointed to before then, as 2026-01-31T12:00:00Z."
)
@force_option
@on_data
def restore(data: Data, image: str, *, to: str | None, before: int | None, force: bool) -> Done:
    """Let a tag point to what it did before, deleted or not.

    Without --to or --before that is the manifest that it pointed to last, other than the one of now; doing it twice
    ends where it began. A deleted manifest comes back with its parts, as by `cove manifest restore`.
    """
    if to is not None and before is not None:
        raise click.UsageError("--to and --before exclude each other")
    repository, tag = tag_of(data, image)
    wanted = before if to is None else parse_digest(to)
    restored = restoring_of(data).restore_tag(OPERATOR, repository, tag, to=wanted, force=force)
    sentence = f"Tag {repository.name}:{tag} points to {restored.tags[tag]} now."
    if restored.manifests:
        sentence += f" {counted(len(restored.manifests), 'manifest')} came back."
    return Done(restored_record(repository, restored), restored_text(sentence, restored))


def _version(version: TagVersion) -> Record:
    change = version.change
    return {
        "since": utc_text(change.changed_at),
        "digest": change.digest or "",
        "user": change.user_name or "",
        "restorable": version.is_restorable,
    }
