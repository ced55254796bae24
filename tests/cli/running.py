"""Starts `cove serve` as its users do: another process, of which only output, log and port are known."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

COVE = [sys.executable, "-m", "registry.cli"]
ROOT = Path(__file__).parents[2]


def environment(**settings: str) -> dict[str, str]:
    """The environment of this process, but with these settings only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVE_")}
    return (
        kept
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        | {f"COVE_{name.upper()}": value for name, value in settings.items()}
    )


@dataclass
class Server:
    """A `cove serve` that has said it is ready; `shown` is what it wrote to standard output until then."""

    process: "subprocess.Popen[str]"
    shown: list[str]
    log: Path

    @property
    def url(self) -> str:
        return self.shown[-1].removeprefix("Cove is ready at ")

    @property
    def password(self) -> str:
        [line] = [line for line in self.shown if line.startswith("  Password")]
        return line.split()[1]

    def sign_in(self, name: str, password: str) -> int:
        """The status of the token service's answer."""
        return httpx.get(
            f"{self.url}/service/token", params={"service": "cove"}, auth=(name, password), timeout=30
        ).status_code

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)


Serve = Callable[..., Server]


def start(stack: ExitStack, log: Path, arguments: tuple[str, ...], settings: Mapping[str, str]) -> Server:
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*COVE, "serve", "--port", "0", *arguments],
            env=environment(**settings),
            cwd=log.parent,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line.rstrip("\n"))
        if line.startswith("Cove is ready"):
            return Server(process, shown, log)
    raise AssertionError(log.read_text())
