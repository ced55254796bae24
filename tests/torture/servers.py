"""`cove serve` as a process group that can be stopped, killed, traced and started again over the same data."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.cli.running import COVE, environment
from tests.http.serving import TLS

PASSWORD = "Correct-horse1"


class NotReady(Exception):
    """A server ended before it was ready."""


@dataclass
class Server:
    """A server that has said it is ready. `process` is the server itself, or the tracer it runs under."""

    process: "subprocess.Popen[str]"
    data: Path
    log: Path
    url: str = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, **options: object) -> httpx.Client:
        """A client of the administrator."""
        options = {"auth": ("admin", PASSWORD), "timeout": 60, "verify": TLS, **options}
        return httpx.Client(base_url=self.url, **options)  # type: ignore[arg-type]

    def kill(self) -> None:
        """SIGKILL for every process of the server at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 40) -> int:
        """SIGTERM, and the status it ends with."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes, by a field of /proc/<pid>/status; `VmHWM` is the most there was since `forget_peak`."""
        return memory_of(self.process.pid, field)

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def workers(self) -> list[int]:
        """The processes that serve when there are several."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


Start = Callable[..., Server]


def memory_of(pid: int, field: str) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024


def start(
    stack: ExitStack,
    data: Path,
    *arguments: str,
    under: tuple[str, ...] = (),
    program: Sequence[str] = COVE,
    log: Path | None = None,
    **settings: str,
) -> Server:
    """Start a server over `data`; `stack` kills it at the end. `under` is a command that runs another."""
    log = log or data.with_name("log")
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*under, *program, "serve", "--port", "0", "--data", str(data), *arguments],
            env=environment(admin_password=PASSWORD, **settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    stack.enter_context(process)
    server = Server(process, data, log)
    stack.callback(server.kill)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Cove is ready at "):
            server.url = line.split()[-1]
            return server
    raise NotReady(f"status {process.wait()}: {log.read_text()}")


def wait_until(is_so: Callable[[], object], seconds: float = 20, *, pause: float = 0.02) -> None:
    """Ask until it is so, with a `pause` between the questions, which is longer where each costs much."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(pause)


def listens(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Crowd:
    """Threads that end with the block; an error in one fails the test."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def add(self, work: Callable[..., object], *arguments: object) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except BaseException as error:  # raised again in the test's own thread
                self._errors.append(error)

        self._threads.append(threading.Thread(target=guarded))
        self._threads[-1].start()

    @property
    def has_failed(self) -> bool:
        return bool(self._errors)

    def add_all(self, work: Callable[..., object], items: Iterable[object]) -> None:
        for item in items:
            self.add(work, item)

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]
