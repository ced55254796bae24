"""What has to hold in the end, whatever was done to a registry."""

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
