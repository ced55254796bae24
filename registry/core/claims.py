"""One writer at a time for sessions whose store has no locks: by the session's row, for as long as bytes flow.

A claim holds for a minute and is renewed while its owner is at work, so that a session outlives the process that died
over it. Whoever lost a claim without noticing cannot do harm: every change of the row asks for the claim once more.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress

from storage.blobs import StagedBusy
from storage.metadata import uploads
from storage.metadata.database import Database, DatabaseError

CLAIM_MS = 60_000
RENEWAL_MS = 15_000


class Claim:
    """A session in the hands of one writer. `token` is what its row has to show; None where the store has locks."""

    def __init__(self, database: Database, upload_id: str, token: str | None, clock: Callable[[], int]) -> None:
        self._database = database
        self._upload_id = upload_id
        self._clock = clock
        self._renewed_at = clock()
        self.token = token

    def renew(self) -> None:
        """Make the claim last on, if that is due. Raises `StagedBusy` when it was lost."""
        now = self._clock()
        if self.token is None or now - self._renewed_at < RENEWAL_MS:
            return
        with self._database.write(durable=False) as tx:
            if not uploads.renew(tx, self._upload_id, self.token, now + CLAIM_MS):
                raise StagedBusy("the session was ended or taken over: this writer was silent for too long")
        self._renewed_at = now

    def release(self) -> None:
        """Let others go on with the session, if it is still there."""
        if self.token is None:
            return
        # A claim that is not given back lapses by itself, and what was done under it is done.
        with suppress(DatabaseError), self._database.write(durable=False) as tx:
            uploads.release(tx, self._upload_id, self.token)


def claim(database: Database, upload_id: str, *, locks: bool, clock: Callable[[], int]) -> Claim:
    """Claim a session; with `locks` its store does so already, and nothing is done. Raises `StagedBusy`."""
    token = None if locks else secrets.token_urlsafe(12)
    taken = Claim(database, upload_id, token, clock)
    if token:
        now = clock()
        with database.write(durable=False) as tx:
            if not uploads.claim(tx, upload_id, token, now=now, until=now + CLAIM_MS):
                raise StagedBusy("another writer has the session")
    return taken
