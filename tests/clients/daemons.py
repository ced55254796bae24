"""A containerd and a dockerd of the tests' own: no network bridge, no firewall rules, nothing outside one folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.processes import running
from tests.clients.programs import Client, bare_environment, find_program

# The Kubernetes plug-in needs networks, and `opt` makes a folder under /opt.
CONTAINERD_CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/socket"
"""


@contextmanager
def run_containerd(folder: Path) -> Iterator[Path]:
    """The socket of a running containerd."""
    config, socket = folder / "config.toml", folder / "socket"
    config.write_text(CONTAINERD_CONFIG.format(folder=folder))
    environment = bare_environment(folder / "home")
    ctr = Client((find_program("ctr"), "--address", str(socket)), environment, folder)
    command: list[str | Path] = [find_program("containerd"), "--config", config]
    with running(command, folder / "containerd.log", lambda: _answers(socket, ctr, "version"), environment, folder):
        yield socket


@contextmanager
def run_dockerd(folder: Path, containerd: Path, settings: str = "{}") -> Iterator[str]:
    """The address of a running dockerd, as `DOCKER_HOST` wants it; `settings` is the content of its daemon.json."""
    socket, config = folder / "socket", folder / "daemon.json"
    config.write_text(settings)
    environment = bare_environment(folder / "home")
    host = f"unix://{socket}"
    docker = Client((find_program("docker"), "--host", host), environment, folder)
    command: list[str | Path] = [
        find_program("dockerd"),
        *("--host", host, "--containerd", containerd, "--config-file", config, "--pidfile", folder / "pid"),
        *("--data-root", folder / "root", "--exec-root", folder / "exec", "--storage-driver", "vfs"),
        *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]
    with running(command, folder / "dockerd.log", lambda: _answers(socket, docker, "info"), environment, folder):
        yield host


def _answers(socket: Path, client: Client, question: str) -> bool:
    if not socket.exists():
        return False
    try:
        client.run(question)
    except AssertionError:
        return False
    return True
