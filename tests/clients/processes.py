"""Long-running programs: each is started by a test and ended by its own process id."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, is_ready: Callable[[], bool], environment: Mapping[str, str], cwd: Path
) -> Iterator[int]:
    """Run `command` until the block ends and give its process id; its output goes to `log`.

    A program that ends by itself or is not ready within `START_SECONDS` fails the test with the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
        )
    try:
        _wait_until_ready(process, log, is_ready)
        yield process.pid
    finally:
        _end(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        ended = process.poll()
        said = log.read_text(errors="replace")[-4000:]
        assert ended is None, f"{process.args!r} ended with {ended}:\n{said}"
        assert time.monotonic() < deadline, f"{process.args!r} is not ready after {START_SECONDS} s:\n{said}"
        time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
