"""Where records and blobs are kept: do they answer, are they the registry's, and does what is written come back?"""

import secrets
import time
from collections.abc import Iterator
from contextlib import closing

from registry.config import Config
from registry.core.identity import is_anothers, is_ours
from registry.doctor.findings import Finding, clock, good, warning, wrong
from registry.places import open_storage, storage_url
from storage.blobs import BlobStore, BlobStoreError
from storage.metadata.database import HEAD, Database, DatabaseError

_SIZE = 1024 * 1024  # of what is written and read again
_SLOW_SECONDS = 2


def look(config: Config) -> Iterator[Finding]:
    """Nothing is changed but for a note that is gone again at the end."""
    if not config.storage_url and not config.data.is_dir():
        return  # opening it would make it
    store, database = None, None
    try:
        store = open_storage(config)
        yield _round_trip(store)
    except BlobStoreError as error:
        advice = "Is the address in storage_url right, are there credentials, and may they read, write and delete?"
        yield wrong("storage", f"{storage_url(config)} cannot be used: {error}", advice)
        store = None
    if config.postgres_url or config.database_path.exists():
        try:
            database = _opened(config)
            yield from _records(database, store, config)
        except DatabaseError as error:
            advice = (
                "Is database_url right, does PostgreSQL run and listen there, and does the account have the password?"
            )
            yield wrong("database", f"it cannot be used: {error}", advice)
        finally:
            if database:
                database.close()


def _opened(config: Config) -> Database:
    return Database.connect(config.postgres_url) if config.postgres_url else Database.open(config.database_path)


def _records(database: Database, store: BlobStore | None, config: Config) -> Iterator[Finding]:
    version = database.version
    if version is None:
        yield warning("database", "it is empty", "The first `cove serve` makes its tables and the administrator.")
        return
    if version > HEAD:
        advice = "Install the version that made them, or restore a backup from before it."
        yield wrong("database", f"its records are of a newer version (schema {version}, here {HEAD})", advice)
        return
    if version < HEAD:
        advice = "Make a backup, and start `cove serve`."
        yield warning("database", f"its records are of an older version (schema {version}, here {HEAD})", advice)
        return
    yield good("database", f"it answers, with schema {version}")
    theirs = database.clock_ms()
    if theirs is not None:
        yield clock("the database", theirs / 1000 - time.time())
    if store:
        yield from _identity(database, store, config)


def _identity(database: Database, store: BlobStore, config: Config) -> Iterator[Finding]:
    try:
        if is_ours(database, store):
            yield good("storage", "it is that of the records")
        elif is_anothers(database, store):
            advice = "Set storage_url or database_url right: they belong to two registries."
            yield wrong("storage", f"{storage_url(config)} is the storage of another registry", advice)
        else:
            advice = "Is the folder mounted, and the right one? If so, `cove fsck --repair` accepts it."
            yield wrong("storage", f"{storage_url(config)} does not look like that of this registry", advice)
    except BlobStoreError as error:
        yield wrong("storage", f"its identifier cannot be read: {error}", "Look at what the storage's own log says.")


def _round_trip(store: BlobStore) -> Finding:
    name, content, began = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(_SIZE), time.monotonic()
    store.write_note(name, [content])
    try:
        with closing(store.open_note(name)) as reader:
            came_back = reader.read(0, _SIZE + 1)
    finally:
        store.delete_note(name)
    seconds = time.monotonic() - began
    if came_back != content:
        return wrong(
            "storage", "what was written came back as something else", "Do not use it: look for a failing disk."
        )
    if seconds >= _SLOW_SECONDS:
        advice = "Pushes will be as slow: look at the disk, or at the network between here and there."
        return warning("storage", f"writing and reading 1 MiB took {seconds:.1f} s", advice)
    return good("storage", f"1 MiB was written, read and deleted in {seconds * 1000:.0f} ms")
