"""What has to hold in the end, whatever was done to a registry."""

from pathlib import Path

from registry.app import open_database
from registry.config import Config
from storage.metadata import blobs, tombstones
from tests.torture.pushes import Ledger
from tests.torture.servers import PASSWORD, Server


def settled(server: Server, *ledgers: Ledger) -> None:
    """Every promise is kept, and the log has neither a traceback nor a secret."""
    with server.client() as client:
        for ledger in ledgers:
            ledger.verify(client)
    log = server.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :][:4000]
    assert PASSWORD not in log


def stored(data: Path) -> int:
    """Bytes of all objects in the folder."""
    return sum(path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file())


def is_tidy(data: Path) -> bool:
    """Whether the objects are those of the records, and none waits to be deleted."""
    database = open_database(Config(data=data))
    try:
        with database.read() as tx:
            return blobs.count(tx)[1] == stored(data) and tombstones.count(tx) == (0, 0)
    finally:
        database.close()
