"""The libraries whose older versions have flaws that matter here, as they are installed."""

import platform
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from registry.guard import Guard
from storage.metadata.sqlite_engines import is_safe_for_processes, sqlite_driver

ROOT = Path(__file__).parents[1]
REQUIRED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
FLOORS = dict(requirement.split(">=") for requirement in REQUIRED if ";" not in requirement)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def test_libraries_that_face_the_network_have_floors() -> None:
    assert {"starlette", "uvicorn", "httptools", "PyJWT", "cryptography", "argon2-cffi"} <= FLOORS.keys()


@pytest.mark.parametrize("name", FLOORS)
def test_library_is_not_older_than_its_floor(name: str) -> None:
    assert numbers(version(name)) >= numbers(FLOORS[name])


def test_requests_are_parsed_by_httptools_and_h11_is_not_even_loaded() -> None:
    assert issubclass(Guard, HttpToolsProtocol)
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, registry.app, registry.server; print('h11' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "False\n"


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="pysqlite3 has no wheel for this machine"
)
def test_sqlite_in_use_can_be_written_by_several_processes() -> None:
    assert is_safe_for_processes(sqlite_driver().sqlite_version_info)
