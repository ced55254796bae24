"""Manifests and the tags that point to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from auth.access import Actor
from registry.core import audit, events, quotas, repositories
from registry.core.events import Resource
from registry.core.immutability import must_be_movable, must_be_removable, must_lose_no_tag
from registry.core.natures import nature_of
from registry.core.repositories import Repository
from registry.errors import (
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    TooManyTags,
)
from registry.oci.bounds import USUAL, Bounds
from registry.oci.descriptors import Descriptor
from registry.oci.manifests import Manifest
from registry.oci.names import Reference
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import blobs, deletions, manifests, tags
from storage.metadata.database import Database, Transaction
from storage.metadata.deletions import StoredManifest
from storage.metadata.manifests import ManifestRecord

Sparse = Literal["none", "indexes", "all"]
TAGS_LIMIT = 32
_REPORTED = 100  # missing digests named in one answer


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of a push. `missing` are the digests that the manifest names and the repository lacks."""

    digest: Digest
    subject: Digest | None
    tags: tuple[str, ...]
    missing: tuple[str, ...]


class Manifests:
    """`sparse` tells what manifests may name that is not here: nothing, manifests (as indexes do), or all content."""

    def __init__(
        self,
        database: Database,
        *,
        sparse: Sparse,
        bounds: Bounds = USUAL,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._sparse = sparse
        self._bounds = bounds
        self._clock = clock

    def push(
        self,
        actor: Actor,
        repository: Repository,
        reference: Reference,
        content_type: str | None,
        content: bytes,
        *,
        extra_tags: Sequence[str] = (),
    ) -> Pushed:
        """Store a manifest and point the tags to it, all or nothing.

        `extra_tags` come with a reference that is a digest (distribution spec, section "Pushing Manifests"). Raises
        `DigestInvalid`, `ManifestInvalid`, `ManifestBlobUnknown`, `NameUnknown`, `QuotaExceeded`, `TagImmutable`,
        `TooManyTags`.
        """
        digest = Digest.of(content, reference.digest.algorithm if reference.digest else "sha256")
        if reference.digest not in (None, digest):
            raise DigestInvalid(f"the manifest has digest {digest}, not {reference.digest}")
        wanted = (reference.tag,) if reference.tag else tuple(dict.fromkeys(extra_tags))
        if len(wanted) > TAGS_LIMIT:
            raise TooManyTags(f"at most {TAGS_LIMIT} tags are taken at once")
        manifest = Manifest.parse(content_type, content, self._bounds)
        telling = events.telling_of_excess(self._database, repository.project, actor.name)
        with telling, self._database.write() as tx:
            now = self._clock()
            row = repositories.get_or_create(tx, repository, now)
            missing = self._must_be_complete(tx, row.id, manifest)
            with quotas.within(tx, row.id):
                manifest_id = store(tx, row.id, digest, manifest, content, now=now)
            for tag in wanted:
                must_be_movable(tx, row, tag, manifest_id)
                tags.point(tx, row.id, tag, manifest_id, now, user_name=actor.name or None)
            audit.record(
                tx,
                actor,
                operation="create",
                resource_type="artifact",
                resource=repository.name.at(wanted[0] if wanted else str(digest)),
                project_id=repository.project.id,
                at=now,
            )
            pushed = [Resource(str(digest), tag) for tag in wanted] or [Resource(str(digest))]
            events.announce_artifacts(tx, events.PUSHED, row, lambda: pushed, operator=actor.name, at=now)
        return Pushed(digest, manifest.subject, wanted, missing)

    def find(self, repository: Repository, reference: Reference) -> ManifestRecord:
        """A manifest without its content. Raises `NameUnknown`, `ManifestUnknown`."""
        with self._database.read() as tx:
            return must_exist(tx, repository, reference)

    def read(self, repository: Repository, reference: Reference) -> tuple[ManifestRecord, bytes]:
        """A manifest and its bytes, as pushed. Raises `NameUnknown`, `ManifestUnknown`."""
        with self._database.read() as tx:
            record = must_exist(tx, repository, reference)
            return record, manifests.content(tx, record.id)

    def list(
        self, repository: Repository, *, deleted: bool = False, after: str, count: int
    ) -> tuple[list[StoredManifest], bool]:
        """Up to `count` manifests after the digest `after`, and whether there are more: those that are there, or the
        deleted ones that can be restored. Raises `NotFound`.
        """
        with self._database.read() as tx:
            row = repositories.must_have_existed(tx, repository)
            found = deletions.list_page(tx, row.id, deleted=deleted, after=after, count=count + 1)
        return found[:count], len(found) > count

    def delete(self, actor: Actor, repository: Repository, reference: Reference) -> None:
        """Remove a tag, or a manifest with all tags that point to it. Raises `NameUnknown`, `ManifestUnknown`,
        `TagImmutable`.

        Both can be restored until they are cleaned up.
        """
        with self._database.write() as tx:
            now = self._clock()
            row, record = repositories.must_exist(tx, repository), must_exist(tx, repository, reference)
            if reference.tag:
                must_be_removable(tx, row, [reference.tag])
                tags.remove(tx, row.id, reference.tag, now, user_name=actor.name or None)
            else:
                must_lose_no_tag(tx, row, record.id)
                gone = partial(events.resources_of, tx, row.id, record.id, record.digest)
                events.announce_artifacts(tx, events.DELETED, row, gone, operator=actor.name, at=now)
                manifests.delete_softly(tx, record.id, now, user_name=actor.name or None)
            audit.record(
                tx,
                actor,
                operation="delete",
                resource_type="tag" if reference.tag else "artifact",
                resource=repository.name.at(str(reference)),
                project_id=repository.project.id,
                at=now,
            )

    def _must_be_complete(self, tx: Transaction, repository_id: int, manifest: Manifest) -> tuple[str, ...]:
        """Digests that are missing and may be. Raises `ManifestBlobUnknown` for those that may not, and
        `ManifestInvalid` for a size that differs from the content's.
        """
        here: Mapping[str, Mapping[str, int]] = {
            kind: find(tx, repository_id, [str(r.digest) for r in manifest.references if r.kind == kind])
            for kind, find in (("blob", blobs.linked_sizes), ("manifest", manifests.present))
        }
        missing, refused = [], []
        for reference in manifest.references:
            size = here[reference.kind].get(str(reference.digest))
            if size is None and reference.required:
                missing.append(str(reference.digest))
                if not may_lack(self._sparse, reference):
                    refused.append(str(reference.digest))
            if size not in (None, reference.size):
                raise ManifestInvalid(f"{reference.digest} has {size} bytes, not {reference.size} as the manifest says")
        if refused:
            raise ManifestBlobUnknown(refused[:_REPORTED])
        return tuple(missing)


def may_lack(sparse: Sparse, reference: Descriptor) -> bool:
    """Whether a repository may have a manifest without this content that it names."""
    return sparse == "all" or (sparse == "indexes" and reference.kind == "manifest")


def store(
    tx: Transaction,
    repository_id: int,
    digest: Digest,
    manifest: Manifest,
    content: bytes,
    *,
    now: int,
    pushed_at: int | None = None,
) -> int:
    """Put a manifest into a repository, whatever it lacks, and return its id; it may have been pushed earlier, and
    elsewhere.
    """
    known = manifests.find(tx, repository_id, str(digest))
    if known is None:
        return manifests.add(
            tx,
            repository_id,
            digest=str(digest),
            media_type=manifest.media_type,
            artifact_type=manifest.artifact_type,
            subject=str(manifest.subject) if manifest.subject else None,
            annotations=manifest.annotations,
            content=content,
            references={str(r.digest): r.kind == "manifest" for r in manifest.references},
            nature=nature_of(tx, repository_id, manifest, len(content)),
            now=now,
            pushed_at=pushed_at,
        )
    manifests.mend(tx, known.id, content)
    if known.media_type != manifest.media_type:
        # The document names no type of its own, and this push calls it something else: the last one counts.
        manifests.set_media_type(tx, known.id, manifest.media_type)
    return known.id


def must_exist(tx: Transaction, repository: Repository, reference: Reference) -> ManifestRecord:
    """Raises `NameUnknown`, `ManifestUnknown`."""
    row = repositories.must_exist(tx, repository)
    if reference.tag:
        record = manifests.find_by_tag(tx, row.id, reference.tag)
    else:
        record = manifests.find(tx, row.id, str(reference.digest))
    if record is None:
        raise ManifestUnknown(f"manifest {reference} is unknown to '{repository.name}'", {"reference": str(reference)})
    return record
