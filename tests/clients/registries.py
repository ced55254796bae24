"""A real `cove serve` process on a free port, with people and projects made by its own command line."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.processes import running
from tests.clients.programs import ROOT

COVE = (sys.executable, "-m", "registry.cli")
_READY = re.compile(r"Cove is ready at http://(\S+:[1-9]\d*)")


def password_of(user: str) -> str:
    return f"Kelp-forest-of-{user}-9"


@dataclass(frozen=True, slots=True)
class Registry:
    """A running server: its `host:port`, and the folder and the variables that its command line works with."""

    address: str
    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def cove(self, *arguments: str, stdin: str = "") -> str:
        """Run a command such as `project add` on the server's data; gives its standard output."""
        done = subprocess.run(
            [*COVE, *arguments, "--data", str(self.data)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=_environment() | dict(self.settings),
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"cove {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def add_user(self, name: str) -> None:
        self.cove("user", "add", name, stdin=f"{password_of(name)}\n")


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[Registry]:
    """Run a server on an empty data folder until the block ends; `settings` are more environment variables."""
    data, log = folder / "data", folder / "cove.log"
    command = [*COVE, "serve", "--host", "127.0.0.1", "--port", "0", "--data", str(data)]
    environment = _environment() | {"COVE_ADMIN_PASSWORD": password_of("admin")} | settings
    with running(command, log, lambda: _READY.search(log.read_text()) is not None, environment, ROOT):
        ready = _READY.search(log.read_text())
        assert ready is not None
        yield Registry(ready[1], data)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COVE_")}
