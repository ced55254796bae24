"""A loss of power under load: the disk image is copied while the server's file system is mounted."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from registry.config import Config
from tests.cli.running import environment
from tests.torture.amounts import some
from tests.torture.media import mounted, new_image, power_cut
from tests.torture.pushes import MIB, Ledger
from tests.torture.servers import Crowd, start, wait_until
from tests.torture.verdicts import settled

ROUNDS = some(2, 25)
OPTIONS = {"ext4": "loop,commit=300", "xfs": "loop,nouuid"}
WORKERS = {"ext4": "1", "xfs": "2"}


@pytest.mark.timeout(some(120, 900))
@pytest.mark.parametrize("system", OPTIONS)
def test_nothing_acknowledged_is_lost_with_the_power(tmp_path: Path, system: str) -> None:
    """Each round begins on what the last one left of the disk. Pushers are many enough to be committed together. Every
    other round is cut off among checkpoints.
    """
    image = new_image(tmp_path / "disk0.img", 400 * MIB, system)
    ledgers = [Ledger(f"library/pusher{number}") for number in range(4)]
    for round_ in range(ROUNDS):
        log = tmp_path / "log"
        # Nothing is written back by itself during the round, so that only what is synced can be there.
        with mounted(tmp_path / f"mount{round_}", "-o", OPTIONS[system], str(image)) as disk, ExitStack() as stack:
            # A new one each time: ext4 writes what takes the place of other bytes back sooner.
            assert not any(left.stat().st_size for left in disk.glob("unsynced*"))
            server = start(stack, disk / "data", "--workers", WORKERS[system], log=log)
            with server.client() as client:
                for ledger in ledgers:
                    ledger.verify(client)
            with checkpoints(disk / "data", round_ % 2) as checkpointer, Crowd() as crowd:
                for ledger in ledgers:
                    crowd.add(ledger.push_until_cut, server.client(), f"r{round_}")
                try:
                    wait_until(lambda: pushed(ledgers) > round_, 60)  # noqa: B023  # it is called in this round only
                    threading.Event().wait(1)
                    (disk / f"unsynced{round_}").write_bytes(b"lost with the power")
                finally:
                    server.kill()
                    for process in checkpointer:
                        process.kill()
            after = power_cut(image, tmp_path / f"disk{round_ + 1}.img")
        image.unlink()
        image = after
    with mounted(tmp_path / "last", "-o", OPTIONS[system], str(image)) as disk, ExitStack() as stack:
        server = start(stack, disk / "data", log=log)
        with server.client() as client:
            for ledger in ledgers:
                ledger.verify(client)
                ledger.push(client, "after")
        settled(server, *ledgers)


def pushed(ledgers: list[Ledger]) -> int:
    return sum(len(ledger.blobs) for ledger in ledgers)


@contextmanager
def checkpoints(data: Path, wanted: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Processes that make checkpoints of the database, as many as are wanted, each of which has made one."""
    command = [sys.executable, "-m", "tests.torture.checkpointer", str(Config(data=data).database_path)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE))
            for _ in range(wanted)
        ]
        for process in started:
            stack.callback(process.kill)
        assert all(process.stdout and process.stdout.readline() == b"done\n" for process in started)
        yield started
