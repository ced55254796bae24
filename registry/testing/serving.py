"""A registry in a process of its own, for as long as tests run."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from registry.testing.client import Client

STOP_SECONDS = 30
_READY = "Cove is ready at "


class NotStarted(Exception):
    """The registry did not start; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry to which everybody may push: its `url`, its `address` in names of images, and a client."""

    url: str
    client: Client

    @property
    def address(self) -> str:
        return self.client.address


@contextmanager
def serve(settings: Mapping[str, str] | None = None) -> Iterator[Registry]:
    """Run a registry on a free port of this machine until the block ends; nothing of it stays.

    `settings` are Cove's, by their names. The environment's own do not count. Raises `NotStarted`.
    """
    with (
        TemporaryDirectory(prefix="cove-tests-") as folder,
        _process(Path(folder), settings or {}) as process,
        Client(_url(process, Path(folder) / "log")) as client,
    ):
        yield Registry(client.url, client)


@contextmanager
def _process(folder: Path, settings: Mapping[str, str]) -> "Iterator[subprocess.Popen[str]]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVE_")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 -- this interpreter, and a module of ours
            # -P: what is called `registry` or `auth` where the tests lie is something else
            [sys.executable, "-P", "-m", "registry.testing.server", str(os.getpid())],
            env=kept | {f"COVE_{name.upper()}": str(value) for name, value in settings.items()} | {"TMPDIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            yield process
        finally:
            _end(process)


def _url(process: "subprocess.Popen[str]", log: Path) -> str:
    for line in process.stdout or ():
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
    raise NotStarted(log.read_text() or f"the registry ended with status {process.wait()}")


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
