"""Deleting on purpose: what a deletion would come to, and what was deleted lately and can be restored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.core.artifact_changes import doomed
from registry.core.artifacts import must_exist
from registry.core.clocks import DAY_MS
from registry.core.filters import filtered
from registry.core.immutability import active_rules, covered
from registry.core.repositories import Repository, must_have_existed
from registry.oci.names import Reference
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import artifacts, deletions, spaces
from storage.metadata.artifacts import ArtifactRecord
from storage.metadata.database import Database
from storage.metadata.deletions import RemovedTag, StoredManifest
from storage.metadata.listings import Listing

CHOSEN_LIMIT = 100
_COUNTED = 1000  # manifests whose blobs are looked at
_TAGLESS = 100


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a deletion would take: the `chosen` artifacts, all the `tags`, so many `children` that nothing else names,
    and so many `attached` artifacts, which are about something that goes.

    `freed_bytes` are those of the blobs that no other artifact has; None where too many would have to be looked at.
    Nothing can be deleted while rules keep some of the tags, `immutable`, or while indexes name what was chosen and are
    not chosen themselves, which are `parents`, by their digests.
    """

    chosen: Sequence[ArtifactRecord]
    tags: Sequence[str]
    children: int
    attached: int
    immutable: Sequence[str]
    parents: Sequence[str]
    freed_bytes: int | None


@dataclass(frozen=True, slots=True)
class Lost:
    """What was deleted: tags with what they pointed to, so many in all, and artifacts that had none."""

    tags: Sequence[RemovedTag]
    total: int
    tagless: Sequence[StoredManifest]


class Deletions:
    """`keep_ms` is for how long what is deleted can be restored."""

    def __init__(self, database: Database, *, keep_ms: int, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock
        self.keep_ms = keep_ms

    def preview(self, repository: Repository, digests: Sequence[Digest]) -> Consequence:
        """What `ArtifactChanges.delete_all` would do. Raises `NameUnknown`, `ManifestUnknown`."""
        with self._database.read() as tx:
            chosen = [must_exist(tx, repository, Reference(digest=digest)) for digest in digests]
            own = {record.id: record.digest for record in chosen}
            repository_id = chosen[0].repository_id
            going = doomed(tx, repository_id, own)
            attached = {each.id for each in artifacts.list_accessories(tx, going)} - own.keys()
            tags = [tag.name for each in artifacts.list_tags(tx, going).values() for tag in each]
            parents = {digest for manifest_id in own for digest in artifacts.list_parents(tx, manifest_id)}
            rules = active_rules(tx, repository.project.id)
            return Consequence(
                chosen=chosen,
                tags=sorted(tags),
                children=len(going) - len(own) - len(attached),
                attached=len(attached),
                immutable=sorted(covered(rules, str(repository.name), tags)),
                parents=sorted(parents - set(going.values())),
                freed_bytes=spaces.size_only_of(tx, repository_id, going) if len(going) <= _COUNTED else None,
            )

    def lately(self, repository: Repository, listing: Listing) -> Lost:
        """A page of the tags that went in the time for which they are kept. Raises `NotFound`, `BadQuery`."""
        since = self._clock() - max(self.keep_ms, DAY_MS)
        with self._database.read() as tx, filtered():
            row = must_have_existed(tx, repository)
            tags, total = deletions.page_lost_tags(tx, row.id, since, listing)
            return Lost(tags, total, deletions.list_tagless(tx, row.id, _TAGLESS))
