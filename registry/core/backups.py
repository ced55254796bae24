"""Backups: a folder with all that a registry has, made while it serves.

    <folder>/
      backup.json                          what the backup holds; written last, and never in part
      records/<time>.db                    all records, as they were at one moment: a SQLite file
      blobs/<algorithm>/<2 hex>/<hex>      the blobs that they name
      backup.lock                          held while the folder is written to

Records come first, blobs after. Each blob that the records name was there when they were read; its object may lose its
row meanwhile, but as long as the lease of backups is held, no object is deleted. So every image that was there when the
backup began is in it, whole.

A folder is used again and again: a blob that is there is not copied twice. Until the new `backup.json` takes the place
of the old one, the old backup is whole; what only it had is deleted after that.

Uploads that are under way are not part of it, nor is what is about one store alone.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import msgspec

from registry.core.cleaning import BACKUP
from registry.core.copiers import BlobCopying, CopyReport, Progress
from registry.core.holding import Holding, holding
from registry.core.identity import NAME as REGISTRY_ID
from registry.errors import Conflict
from storage.archives import Archive, blob_name
from storage.blobs import BlobMissing, BlobStore
from storage.clock import now_ms
from storage.copies import PIECE, BlobDamaged, Source, verified_pieces
from storage.digest import Digest, Hasher
from storage.locks import Held, held
from storage.metadata import blobs, copying, facts
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import HEAD, Database, SchemaTooNew
from storage.scratch import scratch

DESCRIPTION = "backup.json"
LOCK = "backup.lock"
FORMAT = 1
_RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Description:
    """What a backup holds. `made_at` is when its records were read, in UTC by ISO 8601; `rows` are numbers by table."""

    format: int
    made_at: str
    version: str
    schema: str
    registry: str
    records: str
    records_digest: str
    blobs: int
    bytes: int
    rows: dict[str, int]
    damaged: list[str] = field(default_factory=list)


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
            _locked(self._folder) as holder,
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


def must_be_for_backups(folder: Path) -> None:
    """Raises `Conflict` for a folder that has something else in it."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LOCK).exists():
        raise Conflict(f"{folder} has something else in it than a backup: name an empty folder")


def find_description(archive: Archive) -> Description | None:
    """What the backup holds; None where none was ever completed. Raises `Conflict` for one that cannot be read."""
    try:
        with closing(archive.open(DESCRIPTION)) as reader:
            content = reader.read(0, reader.size)
    except BlobMissing:
        return None
    try:
        return msgspec.json.decode(content, type=Description)
    except msgspec.DecodeError as error:
        raise Conflict(f"{DESCRIPTION} of the backup cannot be read: {error}") from None


@contextmanager
def _locked(folder: Path) -> Iterator[str]:
    """Hold the folder; gives what is written in its lock. Whoever holds that succeeds one that died, with its lease."""
    try:
        with held(folder / LOCK, alone=True) as descriptor:
            holder = os.read(descriptor, 100).decode("ascii", "replace")
            if not holder:
                holder = secrets.token_urlsafe(9)
                os.write(descriptor, holder.encode())
            yield holder
    except Held:
        raise Conflict(f"another `cove backup` to {folder} is at work") from None


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
            records=f"{_RECORDS}/{now}.db",
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
    for name in archive.names(_RECORDS):
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


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A backup that is being read."""

    archive: Archive
    description: Description
    records: Database


@contextmanager
def open_backup(folder: Path, work: Path) -> Iterator[OpenBackup]:
    """Open a backup without changing it; its records are copied to `work`, an empty folder, and brought up to date.

    Raises `Conflict` where there is no whole backup, and `SchemaTooNew`.
    """
    description = find_description(Archive(folder)) if folder.is_dir() else None
    if description is None:
        raise Conflict(f"{folder} has no backup that was completed")
    if description.format > FORMAT:
        raise Conflict(f"the backup in {folder} was made by a newer version of the program, {description.version}")
    if description.schema > HEAD:
        raise SchemaTooNew(
            f"the backup in {folder} has schema {description.schema}, this program knows schemas up to {HEAD}"
        )
    archive, file = Archive(folder), work / "records.db"
    _fetch(archive, description, file)
    with closing(Database.open(file)) as records:
        records.migrate()
        yield OpenBackup(archive, description, records)


def _fetch(archive: Archive, description: Description, file: Path) -> None:
    digest = Digest.parse(description.records_digest)
    file.touch(mode=0o600, exist_ok=False)
    try:
        with closing(archive.open(description.records)) as reader:
            size = reader.size
        with file.open("wb") as copied:
            copied.writelines(verified_pieces(archive, description.records, digest=digest, size=size))
    except (BlobDamaged, BlobMissing) as error:
        raise Conflict(f"the records of the backup are damaged: {description.records} {error}") from None
