"""What a command gives back, printed for people or as JSON; without the database, which is slow to import."""

import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from auth.roles import UnknownRole
from registry.commands.failures import Failure
from registry.commands.options import config_option, setting_option
from registry.config import SETTINGS, load
from registry.values import size_text
from storage.blobs import BlobStoreError
from storage.metadata.errors import DatabaseError

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command changed or found, for scripts, the sentence that says so to people, and the exit status."""

    record: Record
    sentence: str
    status: int = 0


def on_config(command: Callable[..., Done | list[Record]]) -> Callable[..., None]:
    """Give a command --data, --config and --json, call it with the settings, and print what it returns."""

    @setting_option("data")
    @config_option
    @click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
    @functools.wraps(command)
    def run(*, as_json: bool, **given: Any) -> None:
        settings = {name: given.pop(name) for name in (*SETTINGS, "config") if name in given}
        try:
            outcome = command(load(settings), **given)
        except (BlobStoreError, DatabaseError, UnknownRole) as error:
            raise Failure(str(error)) from error
        click.echo(_as_json(outcome) if as_json else _as_text(outcome))
        if isinstance(outcome, Done) and outcome.status:
            sys.exit(outcome.status)

    return run


def _as_json(outcome: Done | list[Record]) -> str:
    return json.dumps(outcome.record if isinstance(outcome, Done) else outcome, indent=2)


def _as_text(outcome: Done | list[Record]) -> str:
    return outcome.sentence if isinstance(outcome, Done) else as_table(outcome)


def as_table(records: Sequence[Record]) -> str:
    if not records:
        return "There are none."
    rows = [[name.removesuffix("_bytes").upper().replace("_", " ") for name in records[0]]]
    rows += [[_cell(name, value) for name, value in record.items()] for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_bytes"):
        return size_text(value)
    return "-" if value is None else str(value)
