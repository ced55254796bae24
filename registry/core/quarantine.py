"""Blobs whose bytes are not what their digest says: they are served to nobody until somebody pushes them again.

The verdict is about an object at its location. Whoever finds one looks at the row again when it is noted: a blob that
was cleaned up or pushed anew meanwhile is no longer meant. And nothing is noted while the store is not known to be
this registry's: a folder that is not mounted says nothing about what would be in it, and clients are to come back.
"""

import logging
from collections.abc import Callable

from registry.core.identity import is_ours
from storage.blobs import BlobMissing, BlobStore, StoreUnavailable
from storage.copies import BlobDamaged, verified_pieces
from storage.digest import Digest
from storage.metadata import blobs
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database

log = logging.getLogger("cove.blobs")

MISSING = "is missing"


def quarantine(database: Database, store: BlobStore, record: BlobRecord, damage: str) -> bool:
    """Note, once, what is wrong with a blob, such as "is missing"; tells whether that is new and was noted.

    Raises `StoreUnavailable` for a store that is another one than it was, and what both raise when they fail.
    """
    if not is_ours(database, store):
        raise StoreUnavailable(f"blob {record.digest} {damage}, in a storage that is not known to be this registry's")
    with database.write(durable=False) as tx:
        is_new = blobs.set_damage(tx, record, damage)
    if is_new:
        log.critical("blob %s %s at %s: push it again to mend it", record.digest, damage, record.location)
    return is_new


def look_at(store: BlobStore, record: BlobRecord) -> str | None:
    """What is wrong with a blob as far as the store tells without reading it. Raises `BlobStoreError`."""
    try:
        size = store.size(record.location)
    except BlobMissing:
        return MISSING
    return None if size == record.size else wrong_size(record, size)


def read_through(store: BlobStore, record: BlobRecord, piece: int, spend: Callable[[int], None]) -> str | None:
    """What is wrong with a blob, by reading it in pieces of so many bytes; each is told to `spend`, which may wait.

    A medium that cannot give bytes back is as bad as one that has lost them; one that does not answer says nothing:
    raises `StoreUnavailable`.
    """
    digest, size = Digest.parse(record.digest), record.size
    try:
        if damage := look_at(store, record):
            return damage
        for content in verified_pieces(store, record.location, digest=digest, size=size, piece_bytes=piece):
            spend(len(content))
    except BlobDamaged as damaged:
        return str(damaged)
    return None


def wrong_size(record: BlobRecord, size: int) -> str:
    return f"has {size} bytes instead of {record.size}"
