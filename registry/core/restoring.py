"""Undoing deletions and moves of tags.

What is deleted is out of everybody's sight at once, but it is kept until it is cleaned up, and until then it comes back
as it was: its digest, its content and what it names are the same. Whoever restores is held to the rule of pushing: a
manifest may lack no more than one that is pushed. A tag that somebody has set since is left alone. What is restored is
on record, as what is deleted is.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from auth.access import Actor
from registry.core import audit
from registry.core.immutability import must_be_movable
from registry.core.manifests import Sparse, may_lack
from registry.core.repositories import Repository, must_have_existed
from registry.core.tags import no_such_tag
from registry.errors import Conflict, NotFound
from registry.oci.bounds import STORED
from registry.oci.manifests import Manifest
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import deletions, manifests, tag_changes, tags
from storage.metadata import repositories as rows
from storage.metadata.database import Database, Transaction
from storage.metadata.deletions import RemovedTag, StoredManifest
from storage.metadata.repositories import RepositoryRecord
from storage.metadata.tags import TagOf

_NAMED = 10  # digests or tags in one message


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: manifests by their digests, and tags with the digests that they point to now.

    `left_tags` point elsewhere since and stayed so; `missing` is what the manifests name and the repository lacks.
    """

    manifests: list[str]
    tags: dict[str, str] = field(default_factory=dict)
    left_tags: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class Restoring:
    """`sparse` is what manifests may lack, as for those that are pushed.

    With `force` it is no matter what a manifest lacks, and tags of a repository are moved back that point elsewhere.
    """

    def __init__(self, database: Database, *, sparse: Sparse, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._sparse = sparse
        self._clock = clock

    def restore_tag(
        self, actor: Actor, repository: Repository, tag: str, *, to: Digest | int | None = None, force: bool = False
    ) -> Restored:
        """Let a tag point to what it did before: the last other manifest, or that with the digest `to`, or that of just
        before the time `to`, in milliseconds.

        The manifest comes back if it is deleted, with those that `restore_manifest` would bring. Raises `NotFound` for
        what never was, and `Conflict` for what was cleaned up or lacks content, and for a tag that was removed and set
        anew.
        """
        with self._database.write() as tx:
            now = self._clock()
            row = must_have_existed(tx, repository)
            digest = _last_version(tx, row, tag, force=force) if to is None else _version(tx, row, tag, to)
            target = _must_be_left(tx, row, digest)
            chosen = _with_kin(tx, row.id, target)
            missing = self._bring_back(tx, row.id, chosen, now, force=force)
            must_be_movable(tx, row, tag, target.id)
            tags.point(tx, row.id, tag, target.id, now, user_name=actor.name or None)
            _note(tx, actor, row, "tag", f"{row.name}:{tag}")
        return Restored([each.digest for each in chosen], {tag: digest}, missing=missing)

    def restore_manifest(
        self, actor: Actor, repository: Repository, digest: Digest, *, force: bool = False
    ) -> Restored:
        """Bring back a deleted manifest, those that it names, and those about it that were deleted with it or later.

        Each gets the tags again that it lost by its deletion, unless they have been set anew.

        Raises `NotFound` for what never was, and `Conflict` for what was cleaned up, lacks content or is not deleted.
        """
        with self._database.write() as tx:
            row = must_have_existed(tx, repository)
            chosen = _with_kin(tx, row.id, _must_be_left(tx, row, str(digest)))
            if not chosen:
                raise Conflict(f"manifest {digest} of repository '{row.name}' is not deleted")
            _note(tx, actor, row, "artifact", f"{row.name}@{digest}")
            return self._restore(tx, actor, row, chosen, force=force)

    def restore_deletion(self, actor: Actor, repository: Repository, time: int) -> Restored:
        """Bring back what was deleted at exactly that time, in milliseconds, as `restore_manifest` does each of it.

        Raises `NotFound` for a repository that never was, and `Conflict` where nothing of it is left to restore.
        """
        with self._database.write() as tx:
            row = must_have_existed(tx, repository)
            chosen = deletions.list_at(tx, row.id, time)
            if not chosen:
                raise Conflict(f"nothing is left to restore of what repository '{row.name}' lost then")
            for each in chosen:
                _note(tx, actor, row, "artifact", f"{row.name}@{each.digest}")
            return self._restore(tx, actor, row, chosen, force=False)

    def _restore(
        self, tx: Transaction, actor: Actor, row: RepositoryRecord, chosen: Sequence[StoredManifest], *, force: bool
    ) -> Restored:
        now = self._clock()
        missing = self._bring_back(tx, row.id, chosen, now, force=force)
        lost = _tags_lost_with(tx, row.id, chosen)
        left = _set_anew(tx, row.id, lost)
        back = {name: tag for name, tag in lost.items() if name not in left}
        _set_tags(tx, row, back, now, actor)
        return Restored(
            [each.digest for each in chosen], {name: tag.digest for name, tag in back.items()}, sorted(left), missing
        )

    def restore_repository(self, actor: Actor, repository: Repository, *, force: bool = False) -> Restored:
        """Bring back all that a repository had when it was last deleted as a whole. What was pushed since stays.

        Raises `NotFound` for what never was, and `Conflict` for what was cleaned up, lacks content or is not deleted,
        and for tags that point elsewhere since.
        """
        with self._database.write() as tx:
            now = self._clock()
            row = must_have_existed(tx, repository)
            if row.deleted_at is None:
                raise Conflict(f"repository '{row.name}' is not deleted: what it lost is restored tag by tag")
            removed = deletions.list_removed_tags(tx, row.id, since=row.deleted_at, until=row.deleted_at)
            lost = {tag.name: tag for tag in removed if tag.manifest_id is not None}
            chosen = _deleted_with_repository(tx, row.id, row.deleted_at, lost.values())
            _must_be_whole(row, chosen, removed, _set_anew(tx, row.id, lost), force=force)
            missing = self._bring_back(tx, row.id, chosen, now, force=force)
            _set_tags(tx, row, lost, now, actor)
            rows.mark_deleted(tx, row.id, None)
            _note(tx, actor, row, "repository", row.name)
        return Restored(
            [each.digest for each in chosen], {tag.name: tag.digest for tag in lost.values()}, missing=missing
        )

    def _bring_back(
        self, tx: Transaction, repository_id: int, chosen: Sequence[StoredManifest], now: int, *, force: bool
    ) -> list[str]:
        """Restore manifests; gives what they lack and may lack. Raises `Conflict` for anything else that they lack."""
        deletions.restore(tx, repository_id, [each.id for each in chosen], now)
        missing, refused = self._find_missing(tx, repository_id, chosen)
        if refused and not force:
            raise Conflict(
                f"the repository lacks what would be restored with it: {_some(refused)}; push that first, or force it",
                refused,
            )
        return missing

    def _find_missing(
        self, tx: Transaction, repository_id: int, chosen: Sequence[StoredManifest]
    ) -> tuple[list[str], list[str]]:
        """Digests that the manifests need and the repository lacks, and those of them that they may not lack."""
        lacking: dict[int, set[str]] = {}
        for manifest_id, digest in deletions.list_lacking(tx, repository_id, [each.id for each in chosen]):
            lacking.setdefault(manifest_id, set()).add(digest)
        missing: dict[str, bool] = {}
        for each in chosen:
            if each.id in lacking:
                document = Manifest.parse(each.media_type, manifests.content(tx, each.id), STORED)
                for named in document.references:
                    if named.required and str(named.digest) in lacking[each.id]:
                        missing[str(named.digest)] = may_lack(self._sparse, named)
        return list(missing), [digest for digest, may in missing.items() if not may]


def _note(tx: Transaction, actor: Actor, row: RepositoryRecord, resource_type: str, resource: str) -> None:
    project_id = row.project_id
    audit.record(tx, actor, operation="restore", resource_type=resource_type, resource=resource, project_id=project_id)


def _last_version(tx: Transaction, row: RepositoryRecord, tag: str, *, force: bool) -> str:
    """The digest that a tag pointed to before the one of now."""
    changes = tag_changes.list_newest(tx, row.id, tag, 2)
    if not changes:
        raise no_such_tag(row.name, tag)
    current = changes[0].digest
    digest = tag_changes.find_other(tx, row.id, tag, current)
    if digest is None:
        raise Conflict(f"tag '{tag}' has never pointed to anything but {current}")
    if current and len(changes) > 1 and changes[1].digest is None and not force:
        raise Conflict(f"tag '{tag}' was removed and has been set anew, to {current}; force it to move the tag back")
    return digest


def _version(tx: Transaction, row: RepositoryRecord, tag: str, to: Digest | int) -> str:
    """The digest that a tag pointed to just before a time, or the one given, if it ever pointed there."""
    if isinstance(to, Digest):
        if not tag_changes.has_pointed(tx, row.id, str(to), tag=tag):
            raise NotFound(f"tag '{tag}' of repository '{row.name}' has never pointed to {to}")
        return str(to)
    change = tag_changes.find_at(tx, row.id, tag, to)
    if change is None or change.digest is None:
        raise NotFound(f"there was no tag '{tag}' in repository '{row.name}' at that time")
    return change.digest


def _must_be_left(tx: Transaction, row: RepositoryRecord, digest: str) -> StoredManifest:
    """The manifest, deleted or not. Raises `NotFound`, and `Conflict` for one that is known to have been cleaned up."""
    found = deletions.find(tx, row.id, digest)
    if found is None and tag_changes.has_pointed(tx, row.id, digest):
        raise Conflict(f"manifest {digest} was deleted and has been cleaned up: it has to be pushed again")
    if found is None:
        raise NotFound(f"repository '{row.name}' has no manifest {digest}, nor a deleted one that can be restored")
    return found


def _with_kin(tx: Transaction, repository_id: int, root: StoredManifest) -> list[StoredManifest]:
    """What of these is deleted: the manifest, what it names, what is about it and was deleted with it or later; and so
    on for each of them.
    """
    found = {root.id: root}
    new: Collection[int] = [root.id]
    while new:
        children = deletions.list_children(tx, repository_id, new)
        referrers = deletions.list_referrers(tx, repository_id, new)
        kin = {each.id: each for each in (*children, *referrers)}
        new = kin.keys() - found.keys()
        found |= kin
    return [each for each in found.values() if each.deleted_at is not None]


def _tags_lost_with(tx: Transaction, repository_id: int, chosen: Sequence[StoredManifest]) -> dict[str, RemovedTag]:
    """The tags that were removed by the deletion of these manifests."""
    deleted = {each.digest: each.deleted_at for each in chosen}
    times = [each.deleted_at for each in chosen if each.deleted_at is not None]
    removed = deletions.list_removed_tags(tx, repository_id, since=min(times), until=max(times))
    return {tag.name: tag for tag in removed if deleted.get(tag.digest) == tag.removed_at}


def _deleted_with_repository(
    tx: Transaction, repository_id: int, deleted_at: int, lost: Collection[RemovedTag]
) -> list[StoredManifest]:
    """Manifests that were deleted with the repository; also those of its tags that have come back and gone since."""
    chosen = {each.id: each for each in deletions.list_at(tx, repository_id, deleted_at)}
    for tag in lost:
        if tag.manifest_id not in chosen and tag.deleted_at is not None:
            found = deletions.find(tx, repository_id, tag.digest)
            chosen |= {found.id: found} if found else {}
    return list(chosen.values())


def _set_anew(tx: Transaction, repository_id: int, lost: Mapping[str, RemovedTag]) -> set[str]:
    """Names of those of the tags that exist again and point elsewhere."""
    here = tags.find_many(tx, repository_id, lost)
    return {name for name, tag in here.items() if tag.manifest_id != lost[name].manifest_id}


def _must_be_whole(
    row: RepositoryRecord,
    chosen: Collection[StoredManifest],
    removed: Collection[RemovedTag],
    set_anew: Collection[str],
    *,
    force: bool,
) -> None:
    """Raises `Conflict` unless the repository can come back as it was, or at all."""
    purged = [tag.name for tag in removed if tag.manifest_id is None]
    if len(purged) == len(removed) and not chosen:
        raise Conflict(f"nothing that repository '{row.name}' had is left to restore: it has been cleaned up")
    if purged and not force:
        raise Conflict(
            f"what these tags pointed to has been cleaned up: {_some(purged)}; force it for the rest", purged
        )
    if set_anew and not force:
        names = sorted(set_anew)
        raise Conflict(f"these tags have been set anew: {_some(names)}; force it to move them back", names)


def _set_tags(tx: Transaction, row: RepositoryRecord, lost: Mapping[str, RemovedTag], now: int, actor: Actor) -> None:
    """Let tags point to the manifests that they had. Raises `TagImmutable`."""
    here = tags.find_many(tx, row.id, lost)
    new = [TagOf(tag.name, tag.manifest_id, tag.digest) for tag in lost.values() if tag.manifest_id is not None]
    user_name = actor.name or None
    tags.add_all(tx, row.id, [tag for tag in new if tag.name not in here], now, user_name=user_name)
    for tag in new:
        if tag.name in here:
            must_be_movable(tx, row, tag.name, tag.manifest_id)
            tags.point(tx, row.id, tag.name, tag.manifest_id, now, user_name=user_name)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
