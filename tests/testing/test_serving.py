"""The registry for tests: a process that leaves nothing behind, however its tests end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from registry.testing import Image, NotStarted, serve

STARTS = """
import sys, time
from registry.testing import serve
with serve() as registry:
    print(registry.url, flush=True)
    time.sleep(60)
"""


def test_settings_are_the_registrys_and_those_of_the_environment_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVE_PORT", "this is no port")
    with serve({"blob_limit_bytes": "10"}) as registry, pytest.raises(Exception, match="413"):
        registry.client.push(Image.of({"a": "1"}), "team/app:1")


def test_registry_that_does_not_start_tells_why() -> None:
    with pytest.raises(NotStarted, match="COVE_LOG_FORMAT"), serve({"log_format": "runes"}):
        raise AssertionError("it started")


def test_nothing_is_left_after_the_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serve() as registry:
        registry.client.push(Image.of({"a": "1"}), "team/app:1")
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    with pytest.raises(httpx.ConnectError):
        httpx.get(registry.url)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells it of no other system")
def test_registry_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)},
    ) as tests:
        assert tests.stdout is not None
        url = tests.stdout.readline().strip()
        assert httpx.get(f"{url}/healthz").status_code == 200
        tests.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_there(url):
        assert time.monotonic() < deadline, "the registry outlives its tests"
        time.sleep(0.1)


def is_there(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
