"""`cove manifest`: manifests by their digests, and their way back."""

import click

from auth.access import OPERATOR
from registry.commands.images import (
    PAGE,
    all_pages,
    counted,
    deleted_option,
    digest_of,
    manifests_of,
    repository_of,
    restored_record,
    restored_text,
    restoring_of,
    until_text,
)
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.oci.names import Reference
from storage.clock import utc_text


@click.group("manifest")
def command() -> None:
    """List, delete and restore manifests.

    An IMAGE is REPOSITORY@DIGEST. These commands work on the data itself, also while the server runs.
    """


@command.command("list")
@click.argument("repository")
@deleted_option
@on_data
def list_(data: Data, repository: str, *, deleted: bool) -> list[Record]:
    """List the manifests of a repository."""
    manifests, chosen = manifests_of(data), repository_of(data, repository)
    found = all_pages(
        lambda after: manifests.list(chosen, deleted=deleted, after=after, count=PAGE), lambda each: each.digest
    )
    records: list[Record] = []
    for each in found:
        record: Record = {"digest": each.digest, "media_type": each.media_type, "bytes": each.size}
        if each.deleted_at is not None:
            record |= {
                "deleted_at": utc_text(each.deleted_at),
                "restorable_until": until_text(data, each.deleted_at),
            }
        records.append(record)
    return records


@command.command()
@click.argument("image")
@on_data
def delete(data: Data, image: str) -> Done:
    """Delete a manifest and its tags; it can be restored."""
    repository, digest = digest_of(data, image)
    manifests_of(data).delete(OPERATOR, repository, Reference(digest=digest))
    record: Record = {"repository": str(repository.name), "digest": str(digest)}
    return Done(record, f"Manifest {repository.name}@{digest} was deleted.")


@command.command()
@click.argument("image")
@click.option("--force", is_flag=True, help="Also when the repository lacks contents that it names.")
@on_data
def restore(data: Data, image: str, *, force: bool) -> Done:
    """Bring a deleted manifest back, with its tags.

    So do the manifests that an index names, and signatures and the like that were deleted with it or later. A tag that
    points elsewhere since is left alone: `cove tag restore` moves it.
    """
    repository, digest = digest_of(data, image)
    restored = restoring_of(data).restore_manifest(OPERATOR, repository, digest, force=force)
    came = f"{counted(len(restored.manifests), 'manifest')} and {counted(len(restored.tags), 'tag')} came back"
    sentence = restored_text(f"Manifest {repository.name}@{digest} was restored: {came}.", restored)
    return Done(restored_record(repository, restored), sentence)
