"""How many uploads there may be at a time, and how large one may get: what is begun and never ended costs space too."""

from dataclasses import dataclass

from registry.errors import BlobTooLarge, TooManyRequests
from storage.metadata import uploads
from storage.metadata.database import Transaction

RETRY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Open uploads of one account and in one project, and bytes of a blob, where None is no limit."""

    per_account: int = 1000
    per_project: int = 4000
    blob_bytes: int | None = None

    def admit(self, tx: Transaction, user_id: int | None, project_id: int, now: int) -> None:
        """Raises `TooManyRequests` when there is no room for another upload; exact, for writers take turns."""
        if uploads.count_of_user(tx, user_id, now) >= self.per_account:
            raise _too_many(f"you have {self.per_account} uploads open")
        if uploads.count_in_project(tx, project_id, now) >= self.per_project:
            raise _too_many(f"there are {self.per_project} uploads open in this project")

    def must_take(self, size: int) -> None:
        """Raises `BlobTooLarge` for a blob of so many bytes."""
        if self.blob_bytes is not None and size > self.blob_bytes:
            raise BlobTooLarge(f"a blob may have at most {self.blob_bytes} bytes", headers={"Connection": "close"})


def _too_many(found: str) -> TooManyRequests:
    return TooManyRequests(f"{found}: finish or cancel some, or wait until they expire", RETRY_SECONDS)
