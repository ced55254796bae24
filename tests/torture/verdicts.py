"""What has to hold in the end, whatever was done to a registry."""

import json
import os
import subprocess
from pathlib import Path

from registry.config import Config
from registry.places import open_database
from storage.metadata import blobs, tombstones
from tests.cli.running import COVE, environment
from tests.torture.pushes import Ledger
from tests.torture.servers import PASSWORD, Server


def settled(server: Server, *ledgers: Ledger, **settings: str) -> None:
    """Every promise is kept, everything is as it should be, and the log has neither a traceback nor a secret."""
    with server.client() as client:
        for ledger in ledgers:
            ledger.verify(client)
    report = fsck(server.data, "--read", "--rate", "1GiB", **settings)
    assert report["problems"] == 0, report
    log = server.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :][:4000]
    assert PASSWORD not in log


def fsck(data: Path, *options: str, **settings: str) -> dict[str, object]:
    """What `cove fsck` reports."""
    command = [*COVE, "fsck", "--json", "--data", os.fspath(data), *options]
    ended = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 1), ended.stderr
    assert ended.stdout, ended.stderr
    report: dict[str, object] = json.loads(ended.stdout)
    return report


def stored(data: Path) -> int:
    """Bytes of all objects in the folder."""
    return sum(path.stat().st_size for path in (data / "blobs").rglob("*") if path.is_file())


def is_tidy(data: Path, database_url: str | None = None) -> bool:
    """Whether the objects are those of the records, and none waits to be deleted."""
    database = open_database(Config(data=data, database_url=database_url))
    try:
        with database.read() as tx:
            return blobs.count(tx)[1] == stored(data) and tombstones.count(tx) == (0, 0)
    finally:
        database.close()
