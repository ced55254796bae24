"""Blobs as repositories have them: reading, committing, mounting, deleting.

A blob's row is inserted only when its bytes are durable, and its bytes go only after its row; a location is never used
twice. So a row always names bytes that are there, and whoever pushes what is being deleted writes new bytes elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Access, Actor
from auth.roles import Action
from registry.core import events, quotas, repositories
from registry.core.cleaning import BACKUP
from registry.core.quarantine import MISSING, look_at, quarantine, wrong_size
from registry.core.repositories import Repository
from registry.errors import BlobUnknown, RegistryError, Unsupported
from registry.oci.names import RepositoryName
from storage.blobs import BlobMissing, BlobReader, BlobStore, StagedWriter
from storage.clock import now_ms
from storage.digest import Digest
from storage.metadata import blobs, leases, tombstones
from storage.metadata.blobs import BlobRecord, LeasedBlob
from storage.metadata.database import Database, DatabaseBusy, DatabaseFull, Transaction


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A blob that is being read; whoever gets it closes `reader`."""

    digest: Digest
    size: int
    reader: BlobReader


@dataclass(frozen=True, slots=True)
class NameableBlob:
    """A blob that may be named in a manifest. Until `told_until`, in milliseconds, whoever else asks may be told so
    without the records being changed.
    """

    size: int
    told_until: int


class Blobs:
    """`renewal_ms` is how old the lease of a blob that no manifest needs may get before it is begun anew."""

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        access: Access,
        *,
        renewal_ms: int = 0,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._access = access
        self._renewal_ms = renewal_ms
        self._clock = clock

    def stat(self, repository: Repository, digest: Digest) -> NameableBlob:
        """Raises `BlobUnknown`, also for damaged bytes, so that a push mends them.

        Whoever is told of it may name the blob in a manifest for the whole time of grace.
        """
        asked_at = self._clock()
        with self._database.read() as tx:
            row = repositories.find(tx, repository)
            found = blobs.find_leased(tx, row.id, str(digest)) if row else None
        if row is None or found is None or not self._is_intact(found.blob):
            raise _unknown(digest)
        return NameableBlob(found.blob.size, self._told_until(row.id, found, asked_at))

    def open(self, repository: Repository, digest: Digest) -> OpenBlob:
        """Raises `BlobUnknown`, as `stat` does."""
        record = self._must_be_linked(repository, digest)
        if record.damage:
            raise _unknown(digest)
        try:
            reader = self._store.open(record.location)
        except BlobMissing:
            quarantine(self._database, self._store, record, MISSING)
            raise _unknown(digest) from None
        if reader.size != record.size:
            reader.close()
            quarantine(self._database, self._store, record, wrong_size(record, reader.size))
            raise _unknown(digest)
        return OpenBlob(digest, record.size, reader)

    def url(self, repository: Repository, digest: Digest, seconds: int) -> str | None:
        """Where anybody may read the blob for so many seconds, if its store has such a place.

        Raises `BlobUnknown`, as `stat` does.
        """
        record = self._must_be_linked(repository, digest)
        if not self._is_intact(record):
            raise _unknown(digest)
        return self._store.url(record.location, seconds)

    def delete(self, repository: Repository, digest: Digest) -> None:
        """Take the blob from the repository; other repositories keep it.

        Raises `BlobUnknown`, and `Unsupported` while a manifest of the repository names the blob.
        """
        with self._database.write() as tx:
            row = repositories.must_exist(tx, repository)
            record = blobs.find_linked(tx, row.id, str(digest))
            if record is None:
                raise _unknown(digest)
            user = blobs.find_user(tx, row.id, str(digest))
            if user is not None:
                raise Unsupported(f"blob {digest} is in use: delete manifest {user} first")
            blobs.unlink(tx, [(row.id, record.id)], self._clock())

    def mount(self, actor: Actor, repository: Repository, digest: Digest, source: RepositoryName | None) -> bool:
        """Give the repository a blob that another has; tells whether that was possible.

        The source is a repository that the account may pull from at this moment, by its own rights, whichever scope its
        token was issued for: clients ask for none when they name no source. Without a source any such repository will
        do (distribution spec, section "Mounting a blob from another repository"). A damaged blob is not passed on: the
        client pushes it then, which mends it. Raises `NameUnknown`, `QuotaExceeded`.
        """
        with self._database.read() as tx:
            seen = self._find_source(tx, actor, digest, source)
        # The store is asked of nothing that the account may not see: the time it takes would tell that it is there.
        if seen is None or not self._is_intact(seen):
            return False
        telling = events.telling_of_excess(self._database, repository.project, actor.name)
        with telling, self._database.write() as tx:
            record = self._find_source(tx, actor, digest, source)
            if record is None or record.damage:
                return False
            now = self._clock()
            row = repositories.get_or_create(tx, repository, now)
            with quotas.within(tx, row.id):
                blobs.link(tx, row.id, record.id, now)
        return True

    def commit(self, writer: StagedWriter, digest: Digest, size: int, join: Callable[[Transaction], int]) -> None:
        """Make the verified bytes behind `writer` a blob, and link it to the repository whose id `join` returns.

        `join` runs in the same transaction and may refuse by raising; the bytes are given up then. When the digest is
        known already, the copy there stays and this one goes, unless the one there is damaged. After a failure that
        leaves open whether the transaction was committed the bytes stay: a row may name them.
        """
        damaged = self._find_damaged(digest)
        location = writer.commit(digest, size)
        try:
            superseded = self._insert(digest, size, location, damaged, join)
        except (RegistryError, DatabaseBusy, DatabaseFull):
            writer.revoke()
            raise
        if superseded:
            self.reclaim(superseded)

    def reclaim(self, location: str) -> None:
        """Delete an object that a tombstone names, then the tombstone; during a backup that is for a clean-up to do."""
        with self._database.read() as tx:
            if leases.is_held(tx, BACKUP, now=self._clock()):
                return
        self._store.delete(location)
        with self._database.write() as tx:
            tombstones.remove(tx, [location])

    def _insert(
        self, digest: Digest, size: int, location: str, damaged: str | None, join: Callable[[Transaction], int]
    ) -> str | None:
        now = self._clock()
        with self._database.write() as tx:
            repository_id = join(tx)
            known = blobs.find(tx, str(digest))
            superseded = None
            if known is None:
                blob_id = blobs.add(tx, str(digest), size, location, now)
            else:
                blob_id, superseded = known.id, location
                if known.damage or known.location == damaged:
                    superseded = known.location
                    blobs.relocate(tx, known.id, location)
                tombstones.add(tx, superseded, now, size)
            with quotas.within(tx, repository_id):
                blobs.link(tx, repository_id, blob_id, now)
        return superseded

    def _find_damaged(self, digest: Digest) -> str | None:
        with self._database.read() as tx:
            known = blobs.find(tx, str(digest))
        return known.location if known and not self._is_intact(known) else None

    def _is_intact(self, record: BlobRecord) -> bool:
        if record.damage:
            return False
        damage = look_at(self._store, record)
        if damage:
            quarantine(self._database, self._store, record, damage)
        return damage is None

    def _must_be_linked(self, repository: Repository, digest: Digest) -> BlobRecord:
        with self._database.read() as tx:
            row = repositories.find(tx, repository)
            record = blobs.find_linked(tx, row.id, str(digest)) if row else None
        if record is None:
            raise _unknown(digest)
        return record

    def _told_until(self, repository_id: int, found: LeasedBlob, asked_at: int) -> int:
        """Until when a blob's lease need not be begun anew, which is done here where that time is over. Raises
        `BlobUnknown` for one that is gone by now.

        One that a manifest needs has none, and is there: the end of the last such manifest begins it. The transaction
        in which that happens may have read the clock before `asked_at`, and half of the time is for that.
        """
        if found.leased_at is None:
            return asked_at + self._renewal_ms // 2
        now = self._clock()
        if now - found.leased_at < self._renewal_ms:
            return found.leased_at + self._renewal_ms
        with self._database.write(durable=False) as tx:
            if not blobs.refresh(tx, repository_id, found.blob.id, now):
                raise _unknown(Digest.parse(found.blob.digest))
        return now + self._renewal_ms

    def _find_source(
        self, tx: Transaction, actor: Actor, digest: Digest, source: RepositoryName | None
    ) -> BlobRecord | None:
        if source is None:
            return blobs.find_visible(tx, self._access.sight(actor), str(digest))
        rights = self._access.rights(tx, actor, source.project)
        if rights.project is None or Action.PULL.permission not in rights.permissions:
            return None
        row = repositories.find(tx, Repository(rights.project, source))
        return blobs.find_linked(tx, row.id, str(digest)) if row else None


def _unknown(digest: Digest) -> BlobUnknown:
    return BlobUnknown(f"blob {digest} is unknown to this repository", {"digest": str(digest)})
