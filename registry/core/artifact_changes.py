"""Deleting, copying and tagging artifacts: what belongs to an artifact goes with it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from auth.access import Actor
from registry.core import audit, events, manifests, quotas, repositories
from registry.core.artifacts import must_exist
from registry.core.immutability import must_be_movable, must_be_removable, must_lose_no_tag
from registry.core.repositories import Repository
from registry.errors import Conflict, NotFound, StillReferenced
from registry.oci.bounds import STORED
from registry.oci.manifests import Manifest
from registry.oci.names import Reference
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import artifacts, blobs, tags
from storage.metadata import manifests as manifest_rows
from storage.metadata.artifacts import ArtifactRecord
from storage.metadata.database import Database, Transaction
from storage.metadata.manifests import ManifestRecord
from storage.metadata.repositories import RepositoryRecord


@dataclass(frozen=True, slots=True)
class _Copying:
    """One copy: from where to where, and by whom."""

    source: RepositoryRecord
    target: RepositoryRecord
    user_name: str | None
    now: int


class ArtifactChanges:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def delete(self, actor: Actor, repository: Repository, reference: Reference) -> None:
        """Remove an artifact with its tags, what is about it, and what only it names; all can be restored for a while.

        Raises `NameUnknown`, `ManifestUnknown`, `TagImmutable`, and `StillReferenced` for the child of an index.
        """
        with self._database.write() as tx:
            record = must_exist(tx, repository, reference)
            remove(tx, actor, repository, record, self._clock())

    def delete_all(self, actor: Actor, repository: Repository, digests: Sequence[Digest]) -> int:
        """As `delete`, several at once or none; an index may be among them with what it names.

        Gives the time, in milliseconds, by which `Restoring.restore_deletion` finds them.
        """
        with self._database.write() as tx:
            now = self._clock()
            left = [must_exist(tx, repository, Reference(digest=digest)) for digest in digests]
            while left:
                # Where all are named by something that stays, the first of them tells so.
                for record in [each for each in left if not artifacts.is_named(tx, each.id)] or left[:1]:
                    if artifacts.find(tx, record.id):
                        remove(tx, actor, repository, record, now)
                left = [each for each in left if artifacts.find(tx, each.id)]
        return now

    def copy(self, actor: Actor, source: Repository, reference: Reference, target: Repository) -> None:
        """Have the artifact in another repository too, with its tags, what it names and what is about it.

        Raises `NameUnknown`, `ManifestUnknown`, `QuotaExceeded`, `TagImmutable`.
        """
        telling = events.telling_of_excess(self._database, target.project, actor.name)
        with telling, self._database.write() as tx:
            now = self._clock()
            root = manifests.must_exist(tx, source, reference)
            copying = _Copying(
                repositories.must_exist(tx, source),
                repositories.get_or_create(tx, target, now),
                actor.name or None,
                now,
            )
            with quotas.within(tx, copying.target.id):
                for record in _kin(tx, copying.source.id, root):
                    _copy(tx, copying, record)
            _record(tx, actor, target, "create", artifact=str(reference))
            copied = partial(events.resources_of, tx, copying.source.id, root.id, root.digest)
            events.announce_artifacts(tx, events.PUSHED, copying.target, copied, operator=actor.name, at=now)

    def tag(
        self, actor: Actor, repository: Repository, reference: Reference, name: str, *, moves: bool = False
    ) -> None:
        """Give an artifact one more tag. Raises `NameUnknown`, `ManifestUnknown`, and `Conflict` for a tag that there
        is; with `moves` it comes from where it is, or `TagImmutable` is raised.
        """
        with self._database.write() as tx:
            record = must_exist(tx, repository, reference)
            if not moves and tags.find_many(tx, record.repository_id, [name]):
                raise Conflict(f"tag {name} already exists under the repository {record.repository}")
            must_be_movable(tx, repositories.must_exist(tx, repository), name, record.id)
            tags.point(tx, record.repository_id, name, record.id, self._clock(), user_name=actor.name or None)
            _record(tx, actor, repository, "create", tag=name)

    def untag(self, actor: Actor, repository: Repository, reference: Reference, name: str) -> None:
        """Remove a tag of an artifact, which stays. Raises `NameUnknown`, `ManifestUnknown`, `TagImmutable`, and
        `NotFound` where it has no such tag.
        """
        with self._database.write() as tx:
            record = must_exist(tx, repository, reference)
            found = tags.find_many(tx, record.repository_id, [name]).get(name)
            if found is None or found.manifest_id != record.id:
                raise NotFound(f"tag {name} attached to artifact {record.digest} not found")
            must_be_removable(tx, repositories.must_exist(tx, repository), [name])
            tags.remove(tx, record.repository_id, name, self._clock(), user_name=actor.name or None)
            _record(tx, actor, repository, "delete", tag=name)

    def untag_all(self, actor: Actor, repository: Repository, names: Sequence[str]) -> int:
        """Remove several tags or none, and tell how many were there; their artifacts stay. Raises `NameUnknown`,
        `TagImmutable`.
        """
        with self._database.write() as tx:
            row, now = repositories.must_exist(tx, repository), self._clock()
            must_be_removable(tx, row, names)
            gone = [name for name in names if tags.remove(tx, row.id, name, now, user_name=actor.name or None)]
            for name in gone:
                _record(tx, actor, repository, "delete", tag=name)
        return len(gone)


def remove(tx: Transaction, actor: Actor, repository: Repository, record: ArtifactRecord, now: int) -> None:
    """Raises `TagImmutable`, and `StillReferenced` for the child of an index."""
    if artifacts.is_named(tx, record.id):
        raise StillReferenced("the deleting artifact is referenced by others")
    row = repositories.must_exist(tx, repository)
    going = doomed(tx, row.id, {record.id: record.digest})
    for manifest_id in going:
        must_lose_no_tag(tx, row, manifest_id)
    gone = partial(events.resources_of, tx, row.id, record.id, record.digest)
    events.announce_artifacts(tx, events.DELETED, row, gone, operator=actor.name, at=now)
    for manifest_id in going:
        manifest_rows.delete_softly(tx, manifest_id, now, user_name=actor.name or None)
    _record(tx, actor, repository, "delete", artifact=record.digest)


def doomed(tx: Transaction, repository_id: int, chosen: Mapping[int, str]) -> dict[int, str]:
    """Artifacts, by ids with their digests, and what goes with them: what is about them, and what has no tag and is
    named by nothing else; and so on for each of these.
    """
    found = new = dict(chosen)
    while new:
        about = artifacts.list_accessories(tx, new)
        next_ones = {each.id: each.digest for each in about} | artifacts.list_only_named_by(tx, repository_id, found)
        new = {manifest_id: digest for manifest_id, digest in next_ones.items() if manifest_id not in found}
        found = found | new
    return found


def _kin(tx: Transaction, repository_id: int, root: ManifestRecord) -> Collection[ManifestRecord]:
    """The manifest, what it names and what is about it, and so on for each of them; what is named comes first."""
    found: dict[int, ManifestRecord] = {}
    new = [root]
    while new:
        found = {record.id: record for record in new} | found
        named = artifacts.list_named(tx, repository_id, [record.id for record in new])
        about = artifacts.list_accessories(tx, [record.id for record in new])
        here = manifest_rows.find_many(tx, repository_id, [*named, *(each.digest for each in about)])
        new = [record for record in here.values() if record.id not in found]
    return found.values()


def _copy(tx: Transaction, copying: _Copying, record: ManifestRecord) -> None:
    content = manifest_rows.content(tx, record.id)
    manifest = Manifest.parse(record.media_type, content, STORED)
    for reference in manifest.references:
        # Naming content proves no right to it: what the source has no link to, the target gets none to either.
        blob = blobs.find_linked(tx, copying.source.id, str(reference.digest)) if reference.kind == "blob" else None
        if blob:
            blobs.link(tx, copying.target.id, blob.id, copying.now)
    digest = Digest.parse(record.digest)
    copied = manifests.store(tx, copying.target.id, digest, manifest, content, now=copying.now)
    for tag in tags.list_all(tx, copying.source.id, record.id):
        must_be_movable(tx, copying.target, tag, copied)
        tags.point(tx, copying.target.id, tag, copied, copying.now, user_name=copying.user_name)


def _record(tx: Transaction, actor: Actor, repository: Repository, operation: str, **changed: str) -> None:
    """`changed` is `artifact` or `tag`, and its reference."""
    for kind, reference in changed.items():
        audit.record(
            tx,
            actor,
            operation=operation,
            resource_type=kind,
            resource=repository.name.at(reference),
            project_id=repository.project.id,
        )
