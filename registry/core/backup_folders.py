"""The folder of a backup: what is in it, and opening it for writing and for reading.

<folder>/
  backup.json                        what the backup holds; written last, and never in part
  records/<time>.db                  all records, as they were at one moment: a SQLite file
  blobs/<algorithm>/<2 hex>/<hex>    the blobs that they name
  backup.lock                        held while the folder is written to
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from registry.errors import Conflict
from storage.archives import Archive
from storage.blobs import BlobMissing
from storage.copies import BlobDamaged, verified_pieces
from storage.digest import Digest
from storage.locks import Held, held
from storage.metadata.database import HEAD, Database, SchemaTooNew

DESCRIPTION = "backup.json"
LOCK = "backup.lock"
FORMAT = 1
RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Description:
    """What a backup holds. `made_at` is when its records were read, in UTC by ISO 8601; `rows` are numbers by table."""

    format: int
    made_at: str
    version: str
    schema: str
    registry: str
    records: Annotated[str, msgspec.Meta(pattern=r"^records/[0-9]+\.db\Z")]
    records_digest: Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
    blobs: int
    bytes: int
    rows: dict[str, int]
    damaged: list[str] = field(default_factory=list)


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
def locked(folder: Path) -> Iterator[str]:
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
