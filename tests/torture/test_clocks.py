"""A clock that jumps while the registry runs: tokens lapse, images do not."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.torture.amounts import some
from tests.torture.pushes import Ledger, begin, expect
from tests.torture.servers import Server, Start, wait_until
from tests.torture.verdicts import settled

LIBRARIES = [f"/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1" for machine in ("x86_64", "aarch64")]
DAY = 86_400


@pytest.fixture
def turn(serve: Start, tmp_path: Path) -> tuple[Callable[..., Server], Callable[[int], None]]:
    """Start a server whose clock can be turned, and turn it: by so many seconds from the right time."""
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    if library is None:
        pytest.skip("faketime is not installed")
    clock, env = tmp_path / "clock", shutil.which("env") or "/usr/bin/env"
    clock.write_text("+0")

    def turned(seconds: int) -> None:
        fresh = tmp_path / "clock.new"
        fresh.write_text(f"{seconds:+d}s")
        fresh.replace(clock)

    settings = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }

    def started(**options: str) -> Server:
        return serve(under=(env, *(f"{name}={value}" for name, value in settings.items())), **options)

    return started, turned


def token(client: httpx.Client, repository: str) -> str:
    params = {"service": "cove", "scope": f"repository:{repository}:pull,push"}
    found: str = expect(client.get("/service/token", params=params), 200).json()["token"]
    return found


def with_token(server: Server, token: str) -> httpx.Client:
    return server.client(auth=None, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("jump", [400 * DAY, -DAY][: some(1, 2)])
def test_clock_that_jumps_costs_tokens_and_nothing_else(
    turn: tuple[Callable[..., Server], Callable[[int], None]], jump: int
) -> None:
    started, turned = turn
    server, ledger = started(gc_seconds="1", gc_grace_seconds="3600"), Ledger("library/clocked")
    with server.client() as client:
        image = ledger.push(client, "before")
        ledger.push(client, "gone")
        ledger.delete(client, image)
        upload = begin(client, ledger.repository)
        old = token(client, ledger.repository)
        turned(jump)
        with with_token(server, old) as bearer:
            wait_until(lambda: bearer.get(f"/v2/{ledger.repository}/tags/list").status_code == 401)
        with with_token(server, token(client, ledger.repository)) as bearer:
            expect(bearer.get(f"/v2/{ledger.repository}/tags/list"), 200)
            ledger.push(bearer, "meanwhile")
        expect(client.get(upload), 404 if jump > 0 else 204)
        time.sleep(3)  # for the clean-up to have its turn
        ledger.verify(client)
        turned(0)
        ledger.push(client, "after")
        ledger.verify(client)
    settled(server, ledger)
    assert server.stop() == 0
