"""Sending records of who did what to a server of syslog, as Harbor does: `audit_log_forward_endpoint`.

They are sent from the database, where the change itself has put them: no request waits, and none is lost while the
server does not answer. One process at a time does it, by a lease; after a loss of power some may be sent once more.
"""

import logging
import platform
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from registry.core import forwarding
from registry.core.forwarding import Target
from registry.logs import printable
from registry.outgoing import OutgoingError, Outlet, Reach
from storage.clock import now_ms, utc_text
from storage.metadata import audit_records, leases
from storage.metadata.audit_records import AuditRecord
from storage.metadata.database import Database

LOOK_SECONDS = 2
BATCH = 500
_LEASE, _LEASE_MS = "audit-forwarding", 60_000
_PRIORITY = 14  # RFC 5424, section 6.2.1: of user-level programs, informational
log = logging.getLogger("cove.jobs")


class Forwarding:
    """`count` is told how many records were sent, and `fail` that some could not be."""

    def __init__(
        self,
        database: Database,
        reach: Reach,
        *,
        count: Callable[[int], None] = lambda _: None,
        fail: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._outlet = Outlet(reach)
        self._count = count
        self._fail = fail
        self._clock = clock
        self._holder = secrets.token_urlsafe(9)
        self._stopping = threading.Event()
        self._is_failing = False

    def run(self) -> None:
        """Send what is waiting, unless another process is at it."""
        if not self._is_wanted() or not self._hold():
            return
        try:
            while not self._stopping.is_set() and self._send_some():
                self._hold()
        finally:
            with self._database.write(durable=False) as tx:
                leases.release(tx, _LEASE, self._holder)

    def stop(self) -> None:
        """End a run after what is under way, from another thread."""
        self._stopping.set()

    def _is_wanted(self) -> bool:
        with self._database.read() as tx:
            return bool(forwarding.find_target(tx) and audit_records.list_after(tx, forwarding.reached(tx), 1))

    def _hold(self) -> bool:
        now = self._clock()
        with self._database.write(durable=False) as tx:
            return leases.take(tx, _LEASE, self._holder, now=now, until=now + _LEASE_MS)

    def _send_some(self) -> bool:
        """Whether there may be more."""
        with self._database.read() as tx:
            target, after = forwarding.find_target(tx), forwarding.reached(tx)
            records = audit_records.list_after(tx, after, BATCH)
        if target is None or not records or not self._is_sent(target, records):
            return False
        with self._database.write(durable=False) as tx:
            forwarding.reach(tx, records[-1].id)
            if target.is_dropped:
                audit_records.remove_between(tx, after, records[-1].id)
        self._count(len(records))
        return len(records) == BATCH

    def _is_sent(self, target: Target, records: Sequence[AuditRecord]) -> bool:
        """Failures are told once, until it works again."""
        try:
            self._outlet.send(target.host, target.port, [_line(record) for record in records], is_udp=target.is_udp)
        except OutgoingError as error:
            self._fail()
            if not self._is_failing:
                log.warning("records are not forwarded to %s:%d for now: %s", target.host, target.port, error)
            self._is_failing = True
            return False
        if self._is_failing:
            log.warning("records are forwarded again")
        self._is_failing = False
        return True


def _line(record: AuditRecord) -> bytes:
    """A message as Go's library of syslog writes it (RFC 3164, with the time of RFC 3339), which Harbor uses. What
    clients chose is one line of printable characters, and ends no field.
    """
    fields = {
        "action": record.operation,
        "operator": record.user_name,
        "resourceType": record.resource_type,
        "success": str(record.succeeded).lower(),
        "time": utc_text(record.at),
    }
    shown = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    said = f"[{shown}]: action:{record.operation}, resource:{printable(record.resource)}"
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"<{_PRIORITY}>{now} {platform.node()} audit[{record.id}]: {said}".encode()


def _quoted(value: str) -> str:
    escaped = printable(value.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{escaped}"'
