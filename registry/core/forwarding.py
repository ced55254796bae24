"""What is set of sending records of who did what elsewhere, and how far that has come."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.core import settings
from registry.core.audit import FORWARDED
from storage.metadata import facts
from storage.metadata.database import Transaction


@dataclass(frozen=True, slots=True)
class Target:
    """A server of syslog; what it was sent `is_dropped` here."""

    host: str
    port: int
    is_udp: bool
    is_dropped: bool


def find_target(tx: Transaction) -> Target | None:
    """Where records go; None where they stay."""
    endpoint = settings.read_text(tx, settings.FORWARD_ENDPOINT)
    if not endpoint:
        return None
    parts = urlsplit(endpoint if "://" in endpoint else f"tcp://{endpoint}")
    return Target(
        parts.hostname or "", parts.port or 0, parts.scheme == "udp", settings.read_flag(tx, settings.SKIP_DATABASE)
    )


def reached(tx: Transaction) -> int:
    """The id of the last record that was sent."""
    return int(facts.find(tx, FORWARDED) or 0)


def reach(tx: Transaction, record_id: int) -> None:
    """Note that records were sent up to that one."""
    facts.set_value(tx, FORWARDED, str(record_id))
