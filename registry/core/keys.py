"""The keys that sign tokens: replaced without anybody noticing, or at once.

The newest key signs. One that was replaced still verifies for as long as a token that it has signed can last, and not
a moment longer: what it signs from then on is forged. The next rotation takes it out of the database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from auth.access import OPERATOR
from auth.tokens import LOOK_SECONDS, REFRESH_SECONDS, SigningKey
from registry.core import audit, settings
from storage.clock import now_ms
from storage.metadata import signing_keys
from storage.metadata.database import Database, Transaction
from storage.metadata.signing_keys import SigningKeyRecord

# Other processes sign with the old key until they look again, and their clocks may be behind.
SLACK_SECONDS = LOOK_SECONDS + 270


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key, and until when tokens of it are accepted: None for the newest, which signs. Times are in milliseconds."""

    id: str
    created_at: int
    accepted_until: int | None


class Keys:
    """`token_seconds` is the life of access tokens, and a setting where it is None; `refreshable` tells whether there
    are refresh tokens too.
    """

    def __init__(
        self, database: Database, *, token_seconds: int | None, refreshable: bool, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._token_seconds = token_seconds
        self._refresh_seconds = REFRESH_SECONDS * refreshable
        self._clock = clock

    def list_all(self) -> list[KeyStatus]:
        """Every key, the newest first, also those that are accepted no more."""
        with self._database.read() as tx:
            return self._statuses(tx, signing_keys.list_newest_first(tx))

    def current(self) -> list[SigningKey]:
        """The keys whose tokens are accepted; the first one signs."""
        with self._database.read() as tx:
            records = signing_keys.list_newest_first(tx)
            lapsed = self._lapsed(tx, records)
        return [SigningKey(record.id, record.private_pem) for record in records if record.id not in lapsed]

    def rotate(self, *, revoke: bool = False) -> list[KeyStatus]:
        """Make a new key that signs from now on, and drop those that lapsed; with `revoke`, every older one.

        Returns what there is then, the newest first.
        """
        key = SigningKey.generate()
        with self._database.write() as tx:
            records = signing_keys.list_newest_first(tx)
            signing_keys.remove(tx, [record.id for record in records] if revoke else self._lapsed(tx, records))
            # The newest, whatever the clock of the machine says that made the one before.
            now = max([self._clock(), *(record.created_at + 1 for record in records)])
            signing_keys.add(tx, key.kid, key.private_pem, now)
            description = f"create signing key: {key.kid}{', older ones revoked' if revoke else ''}"
            audit.record(
                tx, OPERATOR, operation="create", resource_type="signing-key", resource=key.kid, description=description
            )
            return self._statuses(tx, signing_keys.list_newest_first(tx))

    def _statuses(self, tx: Transaction, records: Sequence[SigningKeyRecord]) -> list[KeyStatus]:
        life = self._token_seconds or settings.read_number(tx, "token_expiration") * 60
        overlap_ms = (max(life, self._refresh_seconds) + SLACK_SECONDS) * 1000
        ends = [None, *(record.created_at + overlap_ms for record in records)]
        return [KeyStatus(record.id, record.created_at, end) for record, end in zip(records, ends, strict=False)]

    def _lapsed(self, tx: Transaction, records: Sequence[SigningKeyRecord]) -> set[str]:
        now = self._clock()
        statuses = self._statuses(tx, records)
        return {key.id for key in statuses if key.accepted_until is not None and key.accepted_until <= now}
