import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.guard import Limits
from registry.server import ServerError, bind, serve
from tests.http import certificates
from tests.http.raw import PATIENCE, Client, MakeEcho, eventually, get, is_listening, post

pytestmark = pytest.mark.slow


@contextmanager
def serving(*options: str, seconds: float = 1) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of its own process, and its port; /hold takes `seconds`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.http.raw", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SECONDS": str(seconds)},
    )
    with process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def status(process: subprocess.Popen[bytes]) -> int:
    return process.wait(PATIENCE)


def log(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr
    return process.stderr.read().decode()


def serving_pid(port: int) -> int | None:
    """The process that answers, or None when the connection was lost with a worker."""
    try:
        with Client(port) as client:
            client.send(get("/pid"))
            return int(client.answer().json())
    except (OSError, EOFError):
        return None


def pids(port: int) -> set[int]:
    return {pid for pid in (serving_pid(port) for _ in range(30)) if pid}


def started(client: Client) -> None:
    """Wait until the application answers."""
    client.send(get("/"))
    assert client.answer().status == 200


# Listening


@pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.1", "localhost"])
def test_socket_listens_on_names_and_addresses_of_both_kinds(host: str) -> None:
    with bind(host, 0) as sock:
        address = sock.getsockname()
        with socket.create_connection(address[:2], PATIENCE):
            pass


def test_port_can_be_used_again_at_once() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            first.accept()[0].close()
            assert client.recv(1) == b""
    with bind("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


def test_busy_port_is_said_to_be_busy() -> None:
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(ServerError, match=f"127.0.0.1 port {port}: another program listens there already"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("192.0.2.1", 0, "does not belong to this machine"),
        ("no.such.host.invalid", 0, "no.such.host.invalid"),
        ("a" * 70, 0, "aaa"),
        ("127.0.0.1", 70_000, "port 70000: ports are numbers"),
        ("127.0.0.1", -1, "port -1: ports are numbers"),
    ],
)
def test_address_that_cannot_be_used_is_named_in_the_error(host: str, port: int, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        bind(host, port)


# Stopping one process


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_a_running_transfer_end_and_has_status_0(sig: signal.Signals) -> None:
    with serving() as (process, port), Client(port) as client:
        started(client)
        client.send(post("/", "Content-Length: 6", "Expect: 100-continue"))
        assert client.answer().status == 100
        client.send(b"abc")
        process.send_signal(sig)
        assert eventually(lambda: not is_listening(port))
        client.send(b"def")
        answer = client.answer()
        assert (answer.json()["length"], answer.headers["connection"]) == (6, "close")
        assert client.rest() == b""
        assert status(process) == 0
        assert log(process) == ""


def test_idle_connections_do_not_delay_the_stop() -> None:
    with serving() as (process, port), Client(port) as idle, Client(port) as fresh, Client(port) as half:
        started(idle)
        half.send(b"GET / HTTP/1.1\r\n")
        process.terminate()
        assert status(process) == 0
        assert (idle.rest(), fresh.rest(), half.rest()) == (b"", b"", b"")


def test_request_that_was_on_its_way_when_the_server_stopped_gets_an_answer() -> None:
    with serving() as (process, port), Client(port) as idle, Client(port) as fresh:
        started(idle)
        process.terminate()
        assert eventually(lambda: not is_listening(port))
        for client in (idle, fresh):
            client.send(get("/"))
        for client in (idle, fresh):
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert client.rest() == b""
        assert status(process) == 0


def test_one_process_without_a_terminal_outlives_sighup() -> None:
    with serving() as (process, port), Client(port) as client:
        started(client)
        process.send_signal(signal.SIGHUP)
        started(client)
        process.terminate()
        assert status(process) == 0


def test_transfer_that_outlives_the_grace_is_cancelled() -> None:
    with serving("--grace", "0.3", seconds=PATIENCE * 3) as (process, port), Client(port) as client:
        started(client)
        client.send(get("/hold"))
        process.terminate()
        assert status(process) == 0
        assert client.answer().status == 500
        assert "Cancel 1 running task(s)" in (said := log(process))
        assert "Traceback" not in said


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_does_not_wait_for_the_grace(sig: signal.Signals) -> None:
    with serving(seconds=PATIENCE * 3) as (process, port), Client(port) as client:
        started(client)
        client.send(get("/hold"))
        process.send_signal(sig)
        assert eventually(lambda: not is_listening(port))
        process.send_signal(sig)
        assert status(process) == 0


# Starting


def test_application_that_refuses_to_start_ends_the_server_with_status_3() -> None:
    with serving("--refuse") as (process, port):
        assert status(process) == 3
        assert not is_listening(port)
        assert process.stdout
        assert process.stdout.read() == b""  # it never said that it was ready


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "several"])
def test_server_says_once_that_it_is_ready_and_answers_then(options: tuple[str, ...]) -> None:
    with serving(*options) as (process, port):
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        with Client(port) as client:
            client.sock.settimeout(3)  # less than a worker takes to start here
            started(client)
        process.terminate()
        assert process.stdout.read() == b""
        assert status(process) == 0


def test_application_that_cannot_be_made_is_the_callers_to_explain() -> None:
    with bind("127.0.0.1", 0) as sock, pytest.raises(TypeError, match="no application today"):
        serve(MakeEcho(fail=True), sock, workers=1, grace=1, tls=None, limits=Limits())


@pytest.mark.parametrize("option", ["--fail", "--refuse"])
def test_workers_that_cannot_start_end_the_server_with_status_3(option: str) -> None:
    with serving(option, "--workers", "2") as (process, _):
        assert status(process) == 3
        assert ("no application today" in log(process)) == (option == "--fail")


def test_answers_carry_the_date_and_no_server_name() -> None:
    with serving() as (_, port), Client(port) as client:
        client.send(get("/", "X-Forwarded-Proto: https"))
        headers = client.answer().headers
        assert "date" in headers
        assert "server" not in headers


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return certificates.certificate(tmp_path)


def test_certificate_makes_it_https(certificate: tuple[Path, Path]) -> None:
    with serving("--tls", *map(str, certificate)) as (process, port):
        context = ssl.create_default_context(cafile=certificate[0])
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)
        connection.request("PUT", "/", body=b"x" * 1_000_000)
        response = connection.getresponse()
        assert response.status == 200
        assert b'"length": 1000000' in response.read()
        connection.request("GET", "/", headers={"X": "x" * 70_000})
        assert connection.getresponse().status == 431
        connection.close()
        process.terminate()
        assert status(process) == 0


def shown(port: int) -> bytes:
    """The certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(plain) as wrapped:
        found = wrapped.getpeercert(binary_form=True)
    assert found
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_new_certificate_is_shown_at_once_and_open_connections_stay(
    certificate: tuple[Path, Path], tmp_path: Path, workers: str
) -> None:
    with serving("--workers", workers, "--tls", *map(str, certificate)) as (process, port):
        trusting = ssl.create_default_context(cafile=certificate[0])
        connection = http.client.HTTPSConnection("localhost", port, context=trusting, timeout=PATIENCE)
        connection.request("GET", "/")
        assert connection.getresponse().read()
        first = shown(port)
        (tmp_path / "new").mkdir()
        for old, new in zip(certificate, certificates.certificate(tmp_path / "new"), strict=True):
            new.replace(old)
        assert {shown(port) for _ in range(8)} == {ssl.PEM_cert_to_DER_cert(certificate[0].read_text())} != {first}
        connection.request("GET", "/")
        assert connection.getresponse().read()
        connection.close()
        process.terminate()
        assert status(process) == 0


def test_certificate_that_has_become_unusable_leaves_the_one_that_was_there(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    with serving("--tls", *map(str, certificate)) as (process, port):
        first = shown(port)
        (tmp_path / "new").mkdir()
        chain, key = certificates.certificate(tmp_path / "new")
        chain.replace(certificate[0])
        assert shown(port) == first
        key.replace(certificate[1])
        assert shown(port) != first
        newest = shown(port)
        for file in certificate:
            file.unlink()
        assert shown(port) == newest
        process.terminate()
        assert status(process) == 0
        assert log(process).count("cannot be used") == 2


def test_certificate_that_cannot_be_loaded_is_named(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    for pair in ((tmp_path / "none.pem", certificate[1]), (certificate[1], certificate[0])):
        with bind("127.0.0.1", 0) as sock, pytest.raises(ServerError, match=str(pair[0])):
            serve(MakeEcho(), sock, workers=1, grace=1, tls=pair, limits=Limits())


# Several processes


def test_two_workers_serve_and_a_killed_one_is_replaced() -> None:
    with serving("--workers", "2") as (process, port):
        assert eventually(lambda: len(pids(port)) == 2)
        victim = pids(port).pop()
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len(pids(port) - {victim}) == 2)
        process.terminate()
        assert status(process) == 0
        assert not is_listening(port)


def test_worker_that_hangs_is_replaced() -> None:
    with serving("--workers", "2") as (_, port):
        assert eventually(lambda: len(pids(port)) == 2)
        victim = pids(port).pop()
        os.kill(victim, signal.SIGSTOP)
        assert eventually(lambda: not Path(f"/proc/{victim}").exists())
        assert eventually(lambda: len(pids(port)) == 2)


def test_workers_that_take_long_to_read_their_modules_are_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READING_SECONDS", "7")
    with serving("--workers", "2") as (process, port):
        assert eventually(lambda: len(pids(port)) == 2)
        process.terminate()
        assert status(process) == 0
        assert "died" not in log(process)


def test_workers_of_a_killed_parent_stop_listening() -> None:
    with serving("--workers", "2") as (process, port):
        assert eventually(lambda: len(pids(port)) == 2)
        process.kill()
        assert eventually(lambda: not is_listening(port))


def test_stop_of_workers_lets_running_requests_end() -> None:
    with serving("--workers", "2") as (process, port), Client(port) as client:
        started(client)
        client.send(get("/hold"))
        process.terminate()
        assert client.answer().json()["path"] == "/hold"
        assert status(process) == 0


def test_second_signal_to_the_parent_ends_busy_workers() -> None:
    with serving("--workers", "2", seconds=PATIENCE * 3) as (process, port), Client(port) as client:
        started(client)
        client.send(get("/hold"))
        process.terminate()
        assert eventually(lambda: not is_listening(port))
        process.terminate()
        assert status(process) == 0


def test_worker_that_does_not_end_within_the_grace_is_killed() -> None:
    with serving("--workers", "2", "--grace", "0.1") as (process, port):
        assert eventually(lambda: len(pids(port)) == 2)
        stuck = pids(port).pop()
        process.terminate()
        os.kill(stuck, signal.SIGSTOP)
        assert status(process) == 0
        assert not Path(f"/proc/{stuck}").exists()


def test_transfers_in_many_connections_all_end_when_the_server_stops() -> None:
    lengths: list[int] = []

    def upload(port: int) -> None:
        with Client(port) as client:
            client.send(post("/pause", "Content-Length: 100000") + b"x" * 100_000)
            lengths.append(client.answer().json()["length"])

    with serving() as (process, port):
        with Client(port) as client:
            started(client)
        threads = [threading.Thread(target=upload, args=(port,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: _established(port) >= 20)
        process.terminate()
        for thread in threads:
            thread.join()
        assert lengths == [100_000] * 20
        assert status(process) == 0


def _established(port: int) -> int:
    """How many connections to the port are open, from proc(5)."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
