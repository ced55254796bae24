"""Backups: a folder with all that a registry has, made while it serves.

Records come first, blobs after. Each blob that the records name was there when they were read; its object may lose its
row meanwhile, but as long as the lease of backups is held, no object is deleted. So every image that was there when the
backup began is in it, whole.

A folder is used again and again: a blob that is there is not copied twice. Until the new `backup.json` takes the place
of the old one, the old backup is whole; what only it had is deleted after that.

Uploads that are under way are not part of it, nor is what is about one store alone.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from registry.core.backup_folders import (
    DESCRIPTION,
    FORMAT,
    RECORDS,
    Description,
    find_description,
    locked,
    must_be_for_backups,
)
from registry.core.cleaning import BACKUP
from registry.core.copiers import BlobCopying, CopyReport, Progress
from registry.core.holding import Holding, holding
from registry.core.identity import NAME as REGISTRY_ID
from registry.errors import Conflict
from storage.archives import Archive, blob_name
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.copies import PIECE, BlobDamaged, Source, verified_pieces
from storage.digest import Digest, Hasher
from storage.metadata import blobs, copying, facts
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import HEAD, Database
from storage.scratch import scratch


class ArchiveCopies:
    """Copies of blobs in a backup. With `verify`, one that is there is read, and not only looked at."""

    def __init__(self, database: Database, source: Source, archive: Archive, *, verify: bool) -> None:
        self._database = database
        self._source = source
        self._archive = archive
        self._verify = verify

    def find(self, blob: BlobRecord) -> str | None:
        digest = Digest.parse(blob.digest)
        name = blob_name(digest)
        if not self._archive.has(name, blob.size) or (self._verify and not self._is_right(name, digest, blob.size)):
            return None
        return name

    def copy(self, blob: BlobRecord, progress: Callable[[int], None]) -> str:
        """A blob that was pushed anew since its record was read, because it was damaged, is taken from where it is."""
        try:
            return self._copy(blob, blob.location, progress)
        except BlobDamaged:
            with self._database.read() as tx:
                current = blobs.find(tx, blob.digest)
            if current is None or current.location == blob.location:
                raise
            return self._copy(blob, current.location, progress)

    def superfluous(self, places: Mapping[str, str]) -> Iterable[str]:
        return (blob_name(digest) for digest in self._archive.blobs() if str(digest) not in places)

    def _copy(self, blob: BlobRecord, location: str, progress: Callable[[int], None]) -> str:
        digest = Digest.parse(blob.digest)
        pieces = verified_pieces(self._source, location, digest=digest, size=blob.size)
        self._archive.put(blob_name(digest), _counted(pieces, progress))
        return blob_name(digest)

    def _is_right(self, name: str, digest: Digest, size: int) -> bool:
        try:
            for _ in verified_pieces(self._archive, name, digest=digest, size=size):
                pass
        except BlobDamaged:
            return False
        return True


class Backup:
    """Backs a registry up into `folder`. Files on the way are in the folder `data`, or where the system has such.

    `progress` gets the report as it grows, from one thread at a time.
    """

    def __init__(
        self,
        database: Database,
        store: BlobStore,
        folder: Path,
        data: Path | None,
        *,
        verify: bool = False,
        progress: Progress = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder.absolute()
        self._data = data
        self._verify = verify
        self._progress = progress
        self._clock = clock

    def run(self) -> tuple[CopyReport, Description]:
        """Back up what there is by now. Damaged blobs are told in the report, and everything else is backed up.

        Raises `Conflict` for a folder that is no backup of this registry or is in use, and while another backup is
        made; and what the store, the folder and the database raise. Another run goes on from there.
        """
        must_be_for_backups(self._folder)
        archive = Archive(self._folder)
        refusal = Conflict("another backup of this registry is being made, or died less than two minutes ago")
        with (
            locked(self._folder) as holder,
            holding(self._database, BACKUP, holder, refusal, clock=self._clock) as lease,
            scratch(self._data, BACKUP) as work,
        ):
            archive.drop_parts()
            self._must_be_of_this_registry(archive)
            return self._copy(archive, work / "records.db", lease)

    def _copy(self, archive: Archive, file: Path, lease: Holding) -> tuple[CopyReport, Description]:
        now, report = self._clock(), CopyReport()
        self._copy_records(file, report)
        with closing(Database.open(file)) as records:
            copier = self._copy_blobs(records, archive, report)
            lease.must_be_held()
            description = _describe(records, report, now)
        description = _keep(archive, file, description)
        _tidy(archive, copier, description)
        return report, description

    def _must_be_of_this_registry(self, archive: Archive) -> None:
        former = find_description(archive)
        with self._database.read() as tx:
            registry = facts.find(tx, REGISTRY_ID)
        if former and former.registry != registry:
            raise Conflict(f"{self._folder} is a backup of another registry: name another folder")

    def _copy_records(self, file: Path, report: CopyReport) -> None:
        def progress(count: int) -> None:
            report.rows += count
            self._progress(report)

        copying.copy_to_file(self._database, file, copying.PASSING_OR_OF_A_STORE, compare=True, progress=progress)

    def _copy_blobs(self, records: Database, archive: Archive, report: CopyReport) -> BlobCopying:
        copies = ArchiveCopies(self._database, self._store, archive, verify=self._verify)
        copier = BlobCopying(records, copies, self._progress)
        copier.run(report)
        return copier


def _describe(records: Database, report: CopyReport, now: int) -> Description:
    damaged = sorted(damage.digest for damage in report.damaged)
    with records.read() as tx:
        _, size = blobs.count(tx)
        return Description(
            format=FORMAT,
            made_at=datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="seconds"),
            version=metadata.version("cove-registry"),
            schema=HEAD,
            registry=facts.find(tx, REGISTRY_ID) or "",
            records=f"{RECORDS}/{now}.db",
            records_digest="",
            blobs=report.blobs + report.blobs_before,
            bytes=size - sum(blob.size for blob in blobs.find_many(tx, damaged).values()),
            rows=copying.count_rows(tx),
            damaged=damaged,
        )


def _keep(archive: Archive, file: Path, description: Description) -> Description:
    """Add the records, and then let the new backup take the place of the old one."""
    hasher = hashlib.sha256()
    archive.put(description.records, _hashed(_pieces(file), hasher))
    description = replace(description, records_digest=f"sha256:{hasher.hexdigest()}")
    archive.put(DESCRIPTION, [msgspec.json.format(msgspec.json.encode(description)) + b"\n"])
    return description


def _tidy(archive: Archive, copier: BlobCopying, description: Description) -> None:
    """Delete what only former backups had."""
    for name in copier.superfluous:
        archive.remove(name)
    for name in archive.names(RECORDS):
        if name != description.records:
            archive.remove(name)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def _hashed(pieces: Iterable[bytes], hasher: Hasher) -> Iterator[bytes]:
    for piece in pieces:
        hasher.update(piece)
        yield piece


def _counted(pieces: Iterable[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        progress(len(piece))
