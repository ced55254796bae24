"""Client programs of other projects: where they are and how a test runs one.

A program sees nothing of the machine's own configuration: its environment is made from scratch, and every place
where it keeps settings, credentials or images lies in the folder of one test.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".ci" / "tools"

# Debian's folders come before the rest of PATH, so that its `docker` is taken for its `dockerd` and not another one.
SEARCH_PATH = os.pathsep.join(
    [str(TOOLS / "bin"), "/usr/bin", "/usr/sbin", "/bin", "/sbin", os.environ.get("PATH", "")]
)

ALLOW_EVERY_IMAGE = '{"default": [{"type": "insecureAcceptAnything"}]}'


def find_program(name: str) -> str:
    """The path of a program. Where it is missing the test is skipped, or fails when `REQUIRE_CLIENTS` is set."""
    found = shutil.which(name, path=SEARCH_PATH)
    return found or miss(name)


def miss(what: str) -> str:
    """Leave the test because a client is not there; `.ci/install` brings all of them."""
    if os.environ.get("REQUIRE_CLIENTS"):
        pytest.fail(f"{what} is not installed: run .ci/install")
    pytest.skip(f"{what} is not installed")


def bare_environment(home: Path) -> dict[str, str]:
    """Variables for a program that must find all its settings under `home`, which is made here."""
    containers = home / ".config" / "containers"
    containers.mkdir(parents=True)
    (containers / "policy.json").write_text(ALLOW_EVERY_IMAGE)
    (home / "auth.json").write_text("{}")
    (home / "run").mkdir(mode=0o700)
    (home / "tmp").mkdir()
    return {
        "PATH": SEARCH_PATH,
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "DOCKER_CONFIG": str(home / "docker"),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
    }


@dataclass(frozen=True, slots=True)
class Client:
    """A program, the arguments it always gets, and the only environment it sees."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path

    def run(self, *arguments: str | Path, stdin: str = "") -> str:
        """Standard output, stripped. Any exit status but 0 fails the test with all that was said."""
        done = self.call(arguments, stdin)
        assert done.returncode == 0, f"{_spoken(done)}\nexit status {done.returncode}"
        return done.stdout.strip()

    def fail(self, *arguments: str | Path, stdin: str = "") -> str:
        """What the program says when it cannot do it; success fails the test."""
        done = self.call(arguments, stdin)
        assert done.returncode != 0, f"{_spoken(done)}\nwas expected to fail"
        return f"{done.stdout}\n{done.stderr}"

    def call(self, arguments: Sequence[str | Path], stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the program to its end, however it ends."""
        return subprocess.run(
            [*self.command, *map(str, arguments)],
            env=dict(self.environment),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )


class SignIn(Protocol):
    """Gives a client with the credentials of a user, or an anonymous one."""

    def __call__(self, user: str | None = None) -> Client: ...


def _spoken(done: "subprocess.CompletedProcess[str]") -> str:
    return f"$ {' '.join(done.args)}\n{done.stdout}\n{done.stderr}"
