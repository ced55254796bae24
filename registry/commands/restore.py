"""`cove restore`: a registry, put back into empty places; or its records, over the storage that is there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from registry.commands.copies import damaged_lines, settings_lines, show
from registry.commands.failures import Failure
from registry.commands.outcomes import Done, Record, on_config
from registry.commands.progress import ProgressLine
from registry.config import Config
from registry.core.backup_folders import open_backup
from registry.core.findings import Finding
from registry.core.presence import must_be_here, nobody_serving
from registry.core.recovering import Recovery, StoreRecovery, restore_backup
from registry.core.snapshots import FOLDER, list_newest_first
from registry.places import open_database, open_storage, places, storage_url
from registry.values import size_text
from storage.clock import utc_text
from storage.copies import CopyJournal
from storage.locks import Held
from storage.metadata.database import Database
from storage.scratch import scratch


@click.command("restore")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--from-store", is_flag=True, help="Restore the records alone, from a snapshot in the storage.")
@click.option("--list", "is_list", is_flag=True, help="List the snapshots in the storage, and restore nothing.")
@click.option("--snapshot", metavar="NAME", help="Restore this one of them, and not the newest.")
@on_config
def command(
    config: Config, folder: Path | None, *, from_store: bool, is_list: bool, snapshot: str | None
) -> Done | list[Record]:
    """Put everything back into empty places.

    Where to is what the settings say: a folder or S3, SQLite or PostgreSQL, whatever the backup was made of. It can be
    stopped and repeated. With --from-store the storage is as it should be and the database was lost: the records come
    back as they were at the last snapshot, and what is missing by now, or came after it, is told.
    """
    if (folder is None) != from_store or ((is_list or snapshot) and not from_store):
        raise click.UsageError("say what to restore: FOLDER, or --from-store, with --list or --snapshot if need be")
    if is_list:
        return _list(config)
    must_be_here(config.data, places(config))
    if config.uses_data:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = ProgressLine()
    try:
        with nobody_serving(config.data), _opened(config) as (database, work):
            if folder is None:
                return _from_store(config, database, work, line, snapshot)
            return _from_folder(config, database, work, line, folder)
    except KeyboardInterrupt:
        raise Failure("stopped; the same command goes on from here") from None
    except Held:
        raise Failure("another `cove restore` to this storage is at work") from None
    finally:
        line.clear()


@contextmanager
def _opened(config: Config) -> Iterator[tuple[Database, Path]]:
    """The database, and a folder for the work."""
    with (
        closing(open_database(config)) as database,
        scratch(config.data if config.uses_data else None, "restore") as work,
    ):
        yield database, work


def _list(config: Config) -> list[Record]:
    return [
        {
            "name": snapshot.name.removeprefix(FOLDER),
            "taken_at": utc_text(int(snapshot.taken_at.timestamp() * 1000)),
            "schema": snapshot.schema,
            "size_bytes": snapshot.size,
        }
        for snapshot in list_newest_first(open_storage(config))
    ]


def _from_folder(config: Config, database: Database, work: Path, line: ProgressLine, folder: Path) -> Done:
    path = _journal(config, work)
    with open_backup(folder, work) as backup, CopyJournal.open(path) as journal:
        place, progress = storage_url(config), partial(show, line)
        report = restore_backup(backup, database, open_storage(config), journal, place=place, progress=progress)
        made_at = backup.description.made_at
        path.unlink()
    lines = [
        f"Restored, as of {made_at}: {report.blobs + report.blobs_before:,} blobs and {report.rows:,} records.",
        *damaged_lines("Damaged blobs, left out while the manifests that name them stay", report.damaged),
        *_start(config),
    ]
    return Done({**asdict(report), "made_at": made_at}, "\n".join(lines), status=1 if report.damaged else 0)


def _journal(config: Config, work: Path) -> Path:
    """In the data folder, if there is one: then another run need not copy again what this one has copied."""
    return config.data / "restore.jsonl" if config.uses_data else work / "restore.jsonl"


def _from_store(config: Config, database: Database, work: Path, line: ProgressLine, name: str | None) -> Done:
    progress = partial(_show, line)
    recovery = StoreRecovery(database, open_storage(config), work, place=storage_url(config), progress=progress)
    report = recovery.run(name and FOLDER + name.removeprefix(FOLDER))
    lines = [*_came_back(report), *_came_after(report), *_start(config)]
    return Done(asdict(report), "\n".join(lines), status=1 if report.lost else 0)


def _show(line: ProgressLine, report: Recovery) -> None:
    if line.is_due:
        line.show(f"{report.blobs:,} blobs found, {report.rows:,} records")


def _came_back(report: Recovery) -> list[str]:
    lines = [
        f"Restored {report.rows:,} records from {report.snapshot}.",
        f"Blobs that are in the storage as they should be: {report.blobs - len(report.lost):,}.",
    ]
    if report.lost:
        lines.append(f"Blobs that are not, and count as damaged until they are pushed again: {len(report.lost):,}.")
    return lines + [f"  {lost.subject} ({_needed_by(lost)}) {lost.what}" for lost in report.lost]


def _needed_by(lost: Finding) -> str:
    return ", ".join(lost.tags or lost.repositories) or "in no repository"


def _came_after(report: Recovery) -> list[str]:
    if report.newest_unnamed is None:
        return []
    found = f"{report.unnamed:,}, {size_text(report.unnamed_bytes)}, the newest of {utc_text(report.newest_unnamed)}"
    return [
        f"Objects in the storage that no record names, for they came later: {found}.",
        "  They stay for a week. Whoever pushed after the snapshot pushes again.",
    ]


def _start(config: Config) -> list[str]:
    settings = {"COVE_DATA": str(config.data)} if config.uses_data else {}
    settings |= {"COVE_STORAGE_URL": config.storage_url} if config.storage_url else {}
    settings |= {"COVE_DATABASE_URL": config.database_url} if config.database_url else {}
    return ["Start the registry with `cove serve` and", *settings_lines(settings)]
