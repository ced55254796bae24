"""`cove backup`: all that the registry has, in a folder."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from registry.commands.copies import damaged_lines, show
from registry.commands.failures import Failure
from registry.commands.outcomes import Done
from registry.commands.progress import ProgressLine
from registry.commands.records import Data, on_data
from registry.core.backup_folders import Description
from registry.core.backups import Backup
from registry.core.copiers import CopyReport
from registry.core.identity import must_be_ours
from registry.core.presence import must_be_here
from registry.places import places, storage_url
from registry.values import size_text


@click.command("backup")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Read again what is in the folder already, and replace what is damaged.")
@on_data
def command(data: Data, folder: Path, *, verify: bool) -> Done:
    """Copy everything into a folder, also while servers run.

    The folder is used again: what is there is not copied twice, and what the registry no longer has goes. Each blob's
    digest is verified on the way; a damaged one is told, everything else is backed up, and the status is 1. A backup
    that is stopped leaves the one before as it was; the same command goes on.
    """
    must_be_here(data.config.data, places(data.config))
    store = data.store
    must_be_ours(data.database, store, storage_url(data.config))
    line = ProgressLine()
    try:
        work = data.config.data if data.config.uses_data else None
        backup = Backup(data.database, store, folder, work, verify=verify, progress=partial(show, line))
        report, description = backup.run()
    except KeyboardInterrupt:
        raise Failure("stopped; the backup before stays as it was, and the same command goes on from here") from None
    finally:
        line.clear()
    record = {**asdict(report), "backup": asdict(description)}
    return Done(record, "\n".join(_lines(folder, report, description)), status=1 if report.damaged else 0)


def _lines(folder: Path, report: CopyReport, description: Description) -> list[str]:
    blobs = f"{description.blobs:,} blobs, {size_text(description.bytes)}"
    return [
        f"The backup in {folder} has {blobs}, and the records of {description.made_at}.",
        f"Copied now: {report.blobs:,} blobs, {size_text(report.bytes)}, and {report.rows:,} records.",
        *damaged_lines("Damaged blobs, which the backup does not have", report.damaged),
    ]
