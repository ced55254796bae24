"""`cove move`: the registry, taken to another database, another blob store, or both."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from registry.commands.copies import damaged_lines, settings_lines, show, shown
from registry.commands.failures import Failure
from registry.commands.outcomes import Done
from registry.commands.progress import ProgressLine
from registry.commands.records import Data, on_data
from registry.config import SETTINGS, Config
from registry.core.copiers import BlobCopying, CopyReport, StoreCopies
from registry.core.identity import make_ours, must_be_ours
from registry.core.moving import Move
from registry.core.presence import leave, nobody_serving
from registry.places import database_url, open_database, open_storage, places, storage_url
from registry.values import size_text
from storage.copies import CopyJournal
from storage.locks import Held


def _address(setting: str) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def read(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else str(SETTINGS[setting].rule.read(value))
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


@click.command("move")
@click.option("--to-storage", metavar="URL", callback=_address("storage_url"), help="Where the blobs are to go.")
@click.option("--to-database", metavar="URL", callback=_address("database_url"), help="Where the records are to go.")
@click.option("--finish", is_flag=True, help="Do the last step, while no server runs.")
@click.option("--leave-damaged", is_flag=True, help="Finish without the blobs that are damaged.")
@on_data
def command(data: Data, to_storage: str | None, to_database: str | None, *, finish: bool, leave_damaged: bool) -> Done:
    """Move the registry to another storage or database.

    Without --finish it copies the blobs that there are by now, while servers run, and can be stopped and repeated at
    will: nothing is copied twice. Each blob's digest is verified on the way. Then stop every server of this registry
    and add --finish: that copies what came last, and the records, and says which settings to start with again.

    The COVE_S3_ settings hold for both storages. Nothing is deleted in the old places.
    """
    target = replace(
        data.config,
        storage_url=to_storage or data.config.storage_url,
        database_url=to_database or data.config.database_url,
    )
    _must_lead_elsewhere(data.config, target, to_storage, to_database)
    line = ProgressLine()
    try:
        with _opened(data, target, to_storage, to_database, partial(show, line)) as move:
            report = _finish(data.config, target, move, leave_damaged=leave_damaged) if finish else move.copy()
    except KeyboardInterrupt:
        raise Failure("stopped; the same command goes on from here") from None
    except Held:
        raise Failure("another `cove move` to this storage is at work") from None
    finally:
        line.clear()
    settings = {
        name: url for name, url in (("COVE_STORAGE_URL", to_storage), ("COVE_DATABASE_URL", to_database)) if url
    }
    record = {**asdict(report), "finished": finish, "settings": {name: shown(url) for name, url in settings.items()}}
    return Done(record, "\n".join([*_counts(report), *(_end(settings) if finish else [_NEXT])]))


@contextmanager
def _opened(
    data: Data,
    target: Config,
    to_storage: str | None,
    to_database: str | None,
    progress: Callable[[CopyReport], None],
) -> Iterator[Move]:
    with ExitStack() as stack:
        copying = None
        if to_storage:
            journal = stack.enter_context(CopyJournal.open(_journal(data.config, to_storage)))
            source, destination = data.store, open_storage(target)
            must_be_ours(data.database, source, storage_url(data.config))
            make_ours(data.database, destination, storage_url(target))
            copying = BlobCopying(data.database, StoreCopies(source, destination, journal), progress)
        database = stack.enter_context(closing(open_database(target))) if to_database else None
        yield Move(data.database, to_database=database, copying_blobs=copying, progress=progress)


def _finish(config: Config, target: Config, move: Move, *, leave_damaged: bool) -> CopyReport:
    with nobody_serving(config.data):
        report = move.finish(leave_damaged=leave_damaged)
        leave(config.data, places(config) - places(target), for_places=places(target))
    return report


def _journal(config: Config, to_storage: str) -> Path:
    folder = config.data / "moves"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(to_storage.encode()).hexdigest()[:16]}.jsonl"


def _must_lead_elsewhere(config: Config, target: Config, to_storage: str | None, to_database: str | None) -> None:
    if not (to_storage or to_database):
        raise click.UsageError("say where to move: --to-storage, --to-database, or both")
    if to_storage and _place(storage_url(config)) == _place(storage_url(target)):
        raise Failure("the blobs are in that storage already")
    if to_database and _place(database_url(config)) == _place(database_url(target)):
        raise Failure("the records are in that database already")


def _place(url: str) -> str:
    """The address, or the folder or file that it means."""
    parts = urlsplit(url)
    return str(Path(unquote(parts.path)).resolve()) if parts.scheme in {"", "file", "sqlite"} else url.rstrip("/")


_NEXT = "Now stop every server of this registry, and finish with the same command and --finish."


def _counts(report: CopyReport) -> list[str]:
    lines = [
        f"Blobs copied: {report.blobs:,}, {size_text(report.bytes)}; copied before: {report.blobs_before:,}.",
    ]
    if report.rows:
        lines.append(f"Records copied, and compared one by one: {report.rows:,}.")
    return lines + damaged_lines("Damaged blobs, left out while the manifests that name them stay", report.damaged)


def _end(settings: dict[str, str]) -> list[str]:
    return [
        "It is safe to switch now. Start the registry with",
        *settings_lines(settings),
        "The old places were left as they are: delete them when you are sure that nothing is missing.",
    ]
