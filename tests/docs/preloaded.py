"""`cove` without the time that it takes to import: a process that has done so forks for each command.

A page has dozens of commands, and each would import the libraries of the registry for a second. What a command is given
is its own: arguments, folder, environment, standard input and output. `cove serve` is started as ever.
"""

import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from click import Group

_LARGEST = 1 << 20
_ASKING = Path(__file__).with_name("asking.py")


@contextmanager
def preloaded(folder: Path) -> Iterator[str]:
    """The line of a script that runs a command."""
    place = folder / "cove.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place))
        listener.listen()
        child = os.fork()
        if child == 0:
            _serve(listener)
        try:
            yield f'exec {sys.executable} -I -S {_ASKING} {place} "$@"'
        finally:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


def _serve(listener: socket.socket) -> NoReturn:
    """For each that connects, a process that does what it asks."""
    from registry.cli import COMMANDS, main

    for name, command in COMMANDS.items():
        if name != "serve":
            importlib.import_module(command.module)
    while True:
        asking, _ = listener.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            message, given, _, _ = socket.recv_fds(asking, _LARGEST, 3)
            asked = json.loads(message)
            asking.send(bytes([_run(main, given, **asked)]))
            os._exit(0)
        asking.close()


def _run(main: Group, given: list[int], *, folder: str, environment: dict[str, str], arguments: list[str]) -> int:
    """The status of a command with these for standard input, output and errors."""
    for number, descriptor in enumerate(given):
        os.dup2(descriptor, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        main(arguments, prog_name="cove")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
