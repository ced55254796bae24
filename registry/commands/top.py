"""`cove top`: the transfers that go on, as they go on."""

import shutil
import sys
import time

import click

from registry.commands.outcomes import Record, as_table
from registry.commands.records import Data, on_data
from registry.core.transfers import ShownTransfer, Watcher

_FIRST_SECONDS = 2.6  # in which every process that is at some has told of them twice
_AGAIN_SECONDS = 1
_START_OVER = "\033[H\033[J"  # ECMA-48: the cursor to the first line, and nothing below it


@click.command("top")
@click.option("--once", is_flag=True, help="Print them once, and not again each second.")
@on_data
def command(data: Data, *, once: bool) -> list[Record]:
    """Show the transfers that go on, the fastest first.

    These are uploads and downloads of blobs that take longer than a second or two, through all servers over the same
    records. On a terminal they are shown again each second until Ctrl-C; otherwise, or with --once or --json, once.
    """
    watcher = Watcher(data.database)
    watcher.watch()
    time.sleep(_FIRST_SECONDS)
    if sys.stdout.isatty() and not once and not click.get_current_context().params["as_json"]:
        _follow(watcher)
    return _records(watcher)


def _follow(watcher: Watcher) -> None:
    try:
        while True:
            watcher.watch()
            columns = shutil.get_terminal_size().columns
            lines = as_table(_records(watcher)).splitlines()
            click.echo(_START_OVER + "\n".join(line[:columns] for line in lines), nl=False)
            time.sleep(_AGAIN_SECONDS)
    except KeyboardInterrupt:
        click.echo(_START_OVER, nl=False)


def _records(watcher: Watcher) -> list[Record]:
    return [_record(each) for each in watcher.list()]


def _record(transfer: ShownTransfer) -> Record:
    return {
        "transfer": transfer.way,
        "repository": transfer.repository,
        "user": transfer.user,
        "client": transfer.client,
        "done_bytes": transfer.done,
        "total_bytes": transfer.total,
        "percent": None if not transfer.total else transfer.done * 100 // transfer.total,
        "per_second_bytes": transfer.rate,
        "seconds": transfer.seconds,
        "digest": transfer.digest,
    }
