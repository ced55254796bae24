"""What the people commands share: opening the data beside a running server, asking for passwords, printing records."""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from auth.roles import UnknownRole
from registry.commands.failures import Failure
from registry.commands.options import config_option, setting_option
from registry.config import SETTINGS, Config, load
from registry.places import open_database, open_storage
from registry.values import size_text
from storage.blobs import BlobStore, BlobStoreError
from storage.metadata.database import Database, DatabaseError

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Data:
    """The registry's data, open, and the settings that say where it is."""

    config: Config
    database: Database

    @property
    def store(self) -> BlobStore:
        """Opened when it is asked for: most commands do without, and need not wait for a service."""
        return open_storage(self.config)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command changed or found, for scripts, the sentence that says so to people, and the exit status."""

    record: Record
    sentence: str
    status: int = 0


def on_data(command: Callable[..., Done | list[Record]]) -> Callable[..., None]:
    """Give a command --data, --config and --json, call it with the open data, and print what it returns."""

    @functools.wraps(command)
    def run(config: Config, **given: Any) -> Done | list[Record]:
        with _opened(config) as opened:
            return command(opened, **given)

    return on_config(run)


def on_config(command: Callable[..., Done | list[Record]]) -> Callable[..., None]:
    """Likewise, but with the settings alone: for what is done before there are any data."""

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


@contextmanager
def _opened(config: Config) -> Iterator[Data]:
    with closing(open_database(config, must_exist=True)) as database:
        yield Data(config, database)


def read_password(*, from_stdin: bool) -> str:
    """The password that a person types twice, unseen; without a terminal, the first line of standard input."""
    if sys.stdin.isatty() and not from_stdin:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    try:
        password = sys.stdin.buffer.readline(4096).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Failure("the password on standard input is not UTF-8") from error
    if not password:
        raise Failure("there is no password on standard input")
    return password


def _as_json(outcome: Done | list[Record]) -> str:
    return json.dumps(outcome.record if isinstance(outcome, Done) else outcome, indent=2)


def _as_text(outcome: Done | list[Record]) -> str:
    return outcome.sentence if isinstance(outcome, Done) else _table(outcome)


def _table(records: Sequence[Record]) -> str:
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
