"""What the commands share that work on the data: opening them beside a running server, and asking for passwords."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from registry.commands.failures import Failure
from registry.commands.outcomes import Done, Record, on_config
from registry.config import Config
from registry.places import open_database, open_storage
from storage.blobs import BlobStore
from storage.metadata.database import Database


@dataclass(frozen=True, slots=True)
class Data:
    """The registry's data, open, and the settings that say where it is."""

    config: Config
    database: Database

    @property
    def store(self) -> BlobStore:
        """Opened when it is asked for: most commands do without, and need not wait for a service."""
        return open_storage(self.config)


def on_data(command: Callable[..., Done | list[Record]]) -> Callable[..., None]:
    """As `on_config`, with the open data in place of the settings."""

    @functools.wraps(command)
    def run(config: Config, **given: Any) -> Done | list[Record]:
        with _opened(config) as opened:
            return command(opened, **given)

    return on_config(run)


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
