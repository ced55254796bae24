"""A real PostgreSQL of the tests' own, and databases in it: each test that asks gets an empty one."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest

from storage.metadata.database import Database
from tests.clients.programs import miss

PASSWORD = "canary%21"  # %-encoded, as it stands in an address
TEMPLATE = "template_cove"
START_SECONDS = 30
# A locale that does not sort bytewise, as on most servers; nothing here has to survive a loss of power.
_INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=icu",
    "--icu-locale=en",
    "--locale=C",
)
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "log_min_messages=fatal")


@dataclass
class PostgresServer:
    """`folder` has its files; `process` is the server itself."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str, user: str = "cove") -> str:
        """The registry's user owns its databases, and may do nothing else."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def make_database(self, template: str = TEMPLATE, options: str = "") -> str:
        """The address of a new database, with Cove's schema and nothing in it; or of another template."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} OWNER cove TEMPLATE {template} {options}")
        return self.url(name)

    def run(self, command: str, database: str = "postgres") -> None:
        """Do something as the server's administrator."""
        with psycopg.connect(self.url(database, "postgres"), autocommit=True) as connection:
            connection.execute(command.encode())

    def end_connections(self, url: str) -> None:
        """What a restart of the server does to its clients."""
        name = url.rpartition("/")[2]
        self.run(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make a cluster and run it; it is skipped where PostgreSQL is missing, and ended by its process."""
    programs = _find_programs()
    folder = Path(tempfile.mkdtemp(prefix="cove-postgres-", dir="/tmp"))  # pytest's own are closed to other users
    try:
        _initialize(programs, folder)
        with _running(programs, folder) as server:
            server.run(f"CREATE ROLE cove LOGIN PASSWORD '{unquote(PASSWORD)}'")
            server.run(f"CREATE DATABASE {TEMPLATE} OWNER cove")
            database = Database.connect(server.url(TEMPLATE))
            database.migrate()
            database.close()
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_programs() -> Path:
    """Debian keeps them apart by version, out of PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")]))
    return Path(found or miss("PostgreSQL")).resolve().parent


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


def _initialize(programs: Path, folder: Path) -> None:
    password = folder / "password"
    password.write_text(f"{unquote(PASSWORD)}\n")
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        shutil.chown(password, "postgres", "postgres")
    command = [str(programs / "initdb"), "--no-sync", f"--pwfile={password}", *_INITDB, str(folder / "data")]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **_user())
    assert made.returncode == 0, made.stdout + made.stderr


@contextmanager
def _running(programs: Path, folder: Path) -> Iterator[PostgresServer]:
    port = _free_port()
    settings = [f"-c{setting}" for setting in (*_SETTINGS, f"port={port}", "listen_addresses=127.0.0.1")]
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *settings]
    with (folder / "log").open("wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **_user())
    try:
        server = PostgresServer(folder, port, process)
        _wait_until_ready(server)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # "fast": clients are cut off
        process.wait(START_SECONDS)


def _wait_until_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), psycopg.connect(server.url("postgres", "postgres")):
            return
        time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start: {(server.folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
