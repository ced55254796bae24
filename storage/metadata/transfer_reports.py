"""What processes tell of the transfers that they are at, each in one row, while somebody watches."""

from sqlalchemy import Connection, bindparam, delete, select

from storage.metadata import facts
from storage.metadata.database import put
from storage.metadata.prepared import Prepared
from storage.metadata.tables import transfer_reports

_WATCHED_UNTIL = "transfers_watched_until"
_SINCE = Prepared(select(transfer_reports.c.transfers).where(transfer_reports.c.reported_at >= bindparam("since")))


def watch(tx: Connection, until: int) -> None:
    """Have processes report until then, in milliseconds."""
    facts.set_value(tx, _WATCHED_UNTIL, str(until))


def is_watched(tx: Connection, now: int) -> bool:
    return int(facts.find(tx, _WATCHED_UNTIL) or 0) > now


def put_report(tx: Connection, process: str, now: int, transfers: str) -> None:
    """Take a process's report in place of the one before."""
    put(tx, transfer_reports, ("process",), {"process": process, "reported_at": now, "transfers": transfers})


def list_since(tx: Connection, since: int) -> list[str]:
    """The reports of then or later."""
    return [row[0] for row in _SINCE.rows(tx, since=since)]


def forget(tx: Connection, process: str) -> None:
    tx.execute(delete(transfer_reports).where(transfer_reports.c.process == process))


def forget_before(tx: Connection, reported_at: int) -> None:
    """Drop what processes have left behind that ended meanwhile."""
    tx.execute(delete(transfer_reports).where(transfer_reports.c.reported_at < reported_at))
