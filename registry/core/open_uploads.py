"""Uploads that go on, as administrators see them."""

from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Actor
from registry.core import audit
from registry.core.uploads import drop
from registry.errors import NotFound
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.metadata import uploads
from storage.metadata.database import Database


@dataclass(frozen=True, slots=True)
class ShownUpload:
    """`user` is whose it is, `size` the bytes that have arrived, the last at `continued_at`, in milliseconds."""

    id: str
    repository: str
    user: str
    size: int
    continued_at: int


class OpenUploads:
    def __init__(
        self, database: Database, store: BlobStore, *, expiry_seconds: int, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._store = store
        self._expiry_ms = expiry_seconds * 1000
        self._clock = clock

    def list(self, count: int) -> list[ShownUpload]:
        """Up to `count` of them, those that were continued last first."""
        with self._database.read() as tx:
            found = uploads.list_open(tx, self._clock(), count)
        return [
            ShownUpload(each.id, each.repository, each.user or "", each.size, each.expires_at - self._expiry_ms)
            for each in found
        ]

    def cancel(self, actor: Actor, upload_id: str) -> str:
        """End an upload and drop its bytes; tells its repository. Raises `NotFound` for one that has ended."""
        with self._database.read() as tx:
            found = uploads.find_open(tx, upload_id, self._clock())
        if found is None or not drop(self._database, self._store, found.id, found.staged):
            raise NotFound("the upload has ended")
        with self._database.write() as tx:
            audit.record(
                tx,
                actor,
                operation="delete",
                resource_type="upload",
                resource=found.repository,
                project_id=found.project_id,
            )
        return found.repository
