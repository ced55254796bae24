"""`cove gc`: cleaning up now."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import click

from registry.chosen import cleaning_rules
from registry.commands.failures import Failure
from registry.commands.outcomes import Done, Record
from registry.commands.progress import ProgressLine
from registry.commands.records import Data, on_data
from registry.core.cleaning import LEASE_MS, Cleaning, LeaseLost, Preview
from registry.core.system_jobs import clean_and_tell
from registry.values import size_text
from storage.clock import now_ms, utc_text
from storage.metadata import clean_ups
from storage.metadata.clean_ups import CleanUpRecord, Freed

_RUNS = 20
_NICENESS = 10  # clients that pull meanwhile go first
PATIENCE_SECONDS = LEASE_MS / 1000 + 5  # by then the lease of a process that died has lapsed


@click.command("gc")
@click.option("--dry-run", is_flag=True, help="Change nothing, and tell what a run would free.")
@click.option("--free-now", is_flag=True, help="Also take what was deleted and could still be restored.")
@click.option("--trust-clock", is_flag=True, help="Clean up although the last run ended later than now.")
@click.option("--history", is_flag=True, help="List the last runs instead.")
@on_data
def command(data: Data, *, dry_run: bool, free_now: bool, trust_clock: bool, history: bool) -> Done | list[Record]:
    """Free the space of what nobody can ask for any more.

    Servers do so by themselves, and may go on serving meanwhile. With --free-now nothing that was deleted can be
    restored; a push that was just told that such a layer is here may have to be sent again.

    While the clock is more than an hour behind the last run nothing is cleaned up: one of the two is wrong. When it was
    the one before, say so once by --trust-clock.
    """
    if history:
        with data.database.read() as tx:
            return [_run(record) for record in clean_ups.list_newest(tx, _RUNS)]
    preview = Preview(data.database, cleaning_rules(data.config, at_once=free_now))
    if dry_run:
        freed = preview.freed()
        return _done("A run would free", freed, preview)
    freed = _clean(data, free_now=free_now, trust_clock=trust_clock)
    return _done("Freed", freed, preview)


def _clean(data: Data, *, free_now: bool, trust_clock: bool) -> Freed:
    line = ProgressLine()

    def reached(freed: Freed) -> None:
        if line.is_due:
            line.show(_sentence("Cleaning up: freed", freed))

    rules = cleaning_rules(data.config, at_once=free_now)
    cleaning = Cleaning(data.database, data.store, rules, reached=reached)
    run = partial(clean_and_tell, data.database, cleaning, "command", "MANUAL", rules)
    if trust_clock:
        cleaning.believe_the_clock()
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            try:
                return _gently(cleaning, partial(run, began_at=now_ms()))
            except LeaseLost:
                if time.monotonic() > give_up_at:
                    raise Failure("another process is cleaning up: try again when it is done") from None
                if line.is_due:
                    line.show("Waiting for another process that is cleaning up")
                time.sleep(0.5)
    finally:
        line.clear()


def _gently(cleaning: Cleaning, run: Callable[[], Freed]) -> Freed:
    """Run the clean-up in a thread that comes after all others: on Linux each has a niceness of its own."""
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(_NICENESS,)) as threads:
        try:
            return threads.submit(run).result()
        except KeyboardInterrupt:
            cleaning.stop()
            raise


def _done(beginning: str, freed: Freed, preview: Preview) -> Done:
    kept, until, waiting = preview.kept(), preview.restorable_until(), preview.waiting()
    shared = f", of which several repositories have {size_text(kept.shared)}" if kept.shared else ""
    lines = [
        _sentence(beginning, freed),
        f"In use: {size_text(kept.in_use)}{shared}.",
        f"Deleted, and can be restored{f' until {utc_text(until)}' if until else ''}: {size_text(kept.restorable)}.",
        f"Not in any manifest, but asked for a short time ago: {size_text(kept.leased)}.",
    ]
    if waiting:
        lines.append(f"On its way out: {size_text(waiting)}; somebody may still be reading it.")
    more = {"waiting": waiting, "restorable_until": utc_text(until) if until else None}
    return Done({"freed": asdict(freed), "kept": {**asdict(kept), **more}}, "\n".join(lines))


def _sentence(beginning: str, freed: Freed) -> str:
    counted = [
        (freed.blobs, "blob"),
        (freed.manifests, "manifest"),
        (freed.links, "link"),
        (freed.uploads, "upload"),
    ]
    parts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counted]
    return f"{beginning} {size_text(freed.freed_bytes)}: {', '.join(parts)}."


def _run(record: CleanUpRecord) -> Record:
    return {
        "started_at": utc_text(record.started_at),
        "finished_at": "" if record.finished_at is None else utc_text(record.finished_at),
        "cause": record.cause,
        "freed_bytes": record.freed.freed_bytes,
        "blobs": record.freed.blobs,
        "manifests": record.freed.manifests,
        "uploads": record.freed.uploads,
        "error": record.error or "",
    }
