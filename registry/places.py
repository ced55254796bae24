"""Where the registry's records and blobs are by its settings, and opening them: for the server, and for commands, which
need nothing else of it and start sooner so.
"""

from contextlib import ExitStack

from registry.config import Config
from registry.errors import RequestInvalid
from storage.blobs import BlobStore
from storage.metadata.database import Database
from storage.s3_options import S3Options
from storage.stores import open_store


def open_database(config: Config, *, must_exist: bool = False) -> Database:
    """The metadata, its schema up to date. With `must_exist`, raises `RequestInvalid` where nothing was started yet."""
    if config.postgres_url:
        database = Database.connect(config.postgres_url)
    else:
        if must_exist and not config.database_path.exists():
            raise _nothing_in(str(config.data))
        config.database_path.touch(mode=0o600)
        database = Database.open(config.database_path)
    with ExitStack() as on_error:
        on_error.callback(database.close)
        if must_exist and database.is_empty:
            raise _nothing_in("the database" if config.postgres_url else str(config.data))
        database.migrate()
        on_error.pop_all()
    return database


def _nothing_in(place: str) -> RequestInvalid:
    return RequestInvalid(f"there is no registry in {place}: start it once with `cove serve`")


def storage_url(config: Config) -> str:
    return config.storage_url or config.data.absolute().as_uri()


def database_url(config: Config) -> str:
    return config.database_url or f"sqlite:///{config.database_path.absolute()}"


def places(config: Config) -> set[str]:
    """Where the registry is: the addresses of its blobs and of its records."""
    return {storage_url(config), database_url(config)}


def open_storage(config: Config) -> BlobStore:
    """Where the blobs are. Raises `BlobStoreError` when that place cannot be used."""
    return open_store(storage_url(config), s3_options(config))


def s3_options(config: Config) -> S3Options:
    return S3Options(
        endpoint=config.s3_endpoint,
        region=config.s3_region,
        addressing=config.s3_addressing,
        part_bytes=config.s3_part_bytes,
        buffer_bytes=config.s3_buffer_bytes,
        storage_class=config.s3_storage_class,
        encryption=config.s3_encryption,
        timeout_seconds=config.s3_timeout_seconds,
        public_endpoint=config.s3_public_endpoint,
    )
