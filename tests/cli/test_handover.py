"""A server that is started anew under load, or worker by worker, refuses nobody and loses no request."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.cli.loads import PASSWORD, Load, push
from tests.cli.running import COVE, Serve, environment
from tests.http.raw import eventually
from tests.torture.amounts import some

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
        yield sock


def begin(sock: socket.socket | IO[str], log: Path, *, sockets: int = 1, ear: str = "") -> "subprocess.Popen[bytes]":
    """Start `cove serve` the way systemd does."""
    handed = f'LISTEN_PID=$$ LISTEN_FDS={sockets} exec "$@" 3<&{sock.fileno()}'
    with log.open("ab") as output:
        return subprocess.Popen(
            ["bash", "-c", handed, "bash", *COVE, "serve"],
            env=environment(admin_password=PASSWORD) | {"NOTIFY_SOCKET": ear},
            cwd=log.parent,
            pass_fds=[sock.fileno()],
            stdout=output,
            stderr=output,
        )


@contextmanager
def started(sock: socket.socket, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    ear = log.with_name(f"ear{time.monotonic_ns()}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(ear))
        heard.settimeout(60)
        process = begin(sock, log, ear=str(ear))
        try:
            assert heard.recv(100) == b"READY=1", log.read_text()
            yield process
        finally:
            process.kill()
            process.wait()


def test_server_that_is_started_anew_under_load_fails_no_request(tmp_path: Path) -> None:
    with listening() as sock, ExitStack() as stack:
        running = stack.enter_context(started(sock, tmp_path / "log"))
        load = Load(f"http://127.0.0.1:{sock.getsockname()[1]}")
        with load.client() as client:
            push(client, "v1", [b"layer"], load.expect)
        with load:
            for _ in range(some(2, 3)):
                time.sleep(0.5)
                running.terminate()  # and only then the next one starts, as `systemctl restart` does it
                assert running.wait(60) == 0
                before = load.answers
                running = stack.enter_context(started(sock, tmp_path / "log"))
                assert eventually(lambda: load.answers > before + 10 or bool(load.failures))  # noqa: B023
        assert load.failures == []


def children(process: "subprocess.Popen[str]") -> set[str]:
    """The workers, besides the process that cleans up what they share."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {pid for pid in listed if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_workers_that_are_replaced_under_load_fail_no_request(serve: Serve) -> None:
    server = serve("--workers", "2", admin_password=PASSWORD)
    load = Load(server.url)
    with load.client() as client:
        push(client, "v1", [b"layer"], load.expect)
    with load:
        for _ in range(some(1, 2)):
            before = children(server.process)
            server.process.send_signal(signal.SIGHUP)
            assert eventually(lambda: before.isdisjoint(children(server.process)), seconds=90)  # noqa: B023
            answered = load.answers
            assert eventually(lambda: load.answers > answered + 10 or bool(load.failures))  # noqa: B023
    assert load.failures == []
    assert server.stop() == 0


def test_socket_that_is_handed_over_is_used_in_place_of_one_of_its_own(tmp_path: Path) -> None:
    with listening() as sock, started(sock, tmp_path / "log"):
        port = sock.getsockname()[1]
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30).status_code == 200
        assert f"Cove is ready at http://127.0.0.1:{port}\n" in (tmp_path / "log").read_text()


def test_more_sockets_than_one_are_refused_with_one_line(tmp_path: Path) -> None:
    with listening() as sock:
        process = begin(sock, tmp_path / "log", sockets=2)
        assert process.wait(60) == 1
    assert (tmp_path / "log").read_text() == "cove: the service manager handed over 2 sockets: give the service one\n"


def test_file_that_is_no_socket_is_refused_with_one_line(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        process = begin(file, tmp_path / "log")
        assert process.wait(60) == 1
    assert (tmp_path / "log").read_text().startswith("cove: what the service manager handed over is no socket: ")
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_socket_of_another_kind_is_refused_with_one_line(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "socket"))
        process = begin(sock, tmp_path / "log")
        assert process.wait(60) == 1
    assert "none of TCP" in (tmp_path / "log").read_text()
