"""Whether a blob store is the one that a registry's records are about.

Both have the registry's identifier: the records as a fact, the store as a note. Without that, a folder that is not
mounted would answer every pull with 404 and take pushes that are gone after the next mount, and a bucket shared by
mistake would have two registries clean up after each other.
"""

import secrets
from contextlib import closing

from registry.errors import Conflict
from storage.blobs import BlobMissing, BlobStore
from storage.metadata import blobs, facts
from storage.metadata.database import Database

NAME = "registry-id"
_SAMPLE = 50  # blobs that are looked for where nothing else tells


class NotOurStorage(Conflict):
    """The store is not known to be this registry's, and might be another's, or none at all."""


def must_be_ours(database: Database, store: BlobStore, place: str) -> None:
    """Raises `NotOurStorage`, in words for whoever set it up; `place` is the store's address.

    Where neither can have an identifier yet, both get one: at the first start, and at the first one with records of an
    earlier version.
    """
    known, note, has_blobs = _state(database, store)
    if note is not None and note == known:
        return
    is_new = not has_blobs and note is None
    if is_new or (known is None and has_blobs and has_some(database, store)):
        _agree(database, store, known or note)
    elif note is None:
        raise NotOurStorage(
            f"{place} does not look like the storage of this registry: its note {NAME} is missing, though there should"
            " be blobs. Is it mounted, and the right one? If so, let `cove fsck --repair` accept it"
        )
    elif known is None and not has_blobs:
        raise NotOurStorage(
            f"{place} is the storage of another registry than the database, which is empty. If its records were lost,"
            " `cove restore --from-store` brings them back; if not, set COVE_STORAGE_URL or COVE_DATABASE_URL right"
        )
    else:
        raise NotOurStorage(
            f"{place} is the storage of another registry, by its note {NAME}: set COVE_STORAGE_URL or"
            " COVE_DATABASE_URL right, or have `cove fsck --repair --accept-storage` make it this one's"
        )


def make_ours(database: Database, store: BlobStore, place: str) -> None:
    """Let a store be this registry's too, beside those that are. Raises `NotOurStorage` for one that is another's."""
    if is_anothers(database, store):
        raise NotOurStorage(f"{place} is the storage of another registry, by its note {NAME}")
    accept(database, store)


def is_ours(database: Database, store: BlobStore) -> bool:
    """Whether the store has this registry's identifier: what is missing in it is gone then, and not elsewhere."""
    known, note, _ = _state(database, store)
    return note is not None and note == known


def is_anothers(database: Database, store: BlobStore) -> bool:
    """Whether the store has an identifier that is not this registry's."""
    known, note, _ = _state(database, store)
    return note is not None and note != known


def has_some(database: Database, store: BlobStore) -> bool:
    """Whether blobs that the records name last are in the store, which another store would not have."""
    with database.read() as tx:
        sample = blobs.list_newest(tx, _SAMPLE)
    return any(_has(store, blob.location, blob.size) for blob in sample)


def accept(database: Database, store: BlobStore) -> None:
    """Make the store this registry's, whatever it was."""
    with database.read() as tx:
        known = facts.find(tx, NAME)
    _agree(database, store, known)


def _agree(database: Database, store: BlobStore, identifier: str | None) -> None:
    with database.write() as tx:
        known = facts.get_or_add(tx, NAME, identifier or secrets.token_hex(16))
    store.write_note(NAME, [known.encode()])


def _state(database: Database, store: BlobStore) -> tuple[str | None, str | None, bool]:
    """The identifier in the records and in the store, and whether the records name blobs."""
    note = _read_note(store)
    with database.read() as tx:
        return facts.find(tx, NAME), note, bool(blobs.list_newest(tx, 1))


def _read_note(store: BlobStore) -> str | None:
    try:
        with closing(store.open_note(NAME)) as reader:
            return reader.read(0, reader.size).decode("ascii", "replace").strip()
    except BlobMissing:
        return None


def _has(store: BlobStore, location: str, size: int) -> bool:
    try:
        return store.size(location) == size
    except BlobMissing:
        return False
