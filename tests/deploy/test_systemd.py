"""The units of deploy/systemd, by systemd's own tools."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from registry.config import load
from tests.cli.running import COVE, environment
from tests.clients.processes import running
from tests.clients.programs import ROOT, find_program
from tests.cluster.services import free_port, listens

pytestmark = pytest.mark.clients

UNITS = ROOT / "deploy" / "systemd"


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Both units, with a program that is there on this machine."""
    found = []
    for unit in UNITS.iterdir():
        text, copy = unit.read_text().replace("/opt/cove/bin/cove", "/bin/true"), tmp_path / unit.name
        copy.write_text(text)
        found.append(copy)
    assert len(found) == 2
    return found


def analyze(*arguments: str | Path) -> str:
    command = [find_program("systemd-analyze"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_units_are_right(units: list[Path]) -> None:
    assert analyze("verify", "--man=no", *units) == ""


def test_wrong_unit_would_be_noticed(units: list[Path]) -> None:
    units[0].write_text(units[0].read_text() + "\n[Nonsense]\nX=1\nListenStream\n")
    assert "Nonsense" in analyze("verify", "--man=no", *units)


def test_service_is_exposed_to_little(units: list[Path]) -> None:
    [service] = [unit for unit in units if unit.suffix == ".service"]
    assert "Overall exposure level" in analyze("security", "--offline=true", "--threshold=15", service)


def test_settings_of_the_service_can_be_read() -> None:
    given = re.findall(r"^Environment=(\w+)=(.*)$", (UNITS / "cove.service").read_text(), re.MULTILINE)
    assert load({}, dict(given)).data == Path("/var/lib/cove")


def test_registry_takes_the_socket_that_systemd_hands_over(tmp_path: Path) -> None:
    port = free_port()
    command = [find_program("systemd-socket-activate"), "--listen", f"127.0.0.1:{port}"]
    passed = [f"--setenv={name}" for name in ("PATH", "PYTHONPATH", "HOME", "COVE_DATA")]
    settings = environment(data=str(tmp_path / "data"))
    with running([*command, *passed, *COVE, "serve"], tmp_path / "log", lambda: listens(port), settings, ROOT):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60).status_code == 200
    assert f"Cove is ready at http://127.0.0.1:{port}\n" in (tmp_path / "log").read_text()
