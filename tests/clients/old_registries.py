"""docker-distribution as Debian packages it: the registry that people come from."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.processes import running
from tests.clients.programs import SEARCH_PATH, find_program

_SETTINGS = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: true
http:
  addr: {address}
"""


@contextmanager
def serve_old(root: Path, work: Path) -> Iterator[str]:
    """Run the old registry on the storage `root` until the block ends; gives its `host:port`. It knows no accounts."""
    address, settings = f"127.0.0.1:{_free_port()}", work / "old.yml"
    settings.write_text(_SETTINGS.format(root=root, address=address))
    command = [find_program("docker-registry"), "serve", str(settings)]
    with running(command, work / "old.log", lambda: _answers(address), {"PATH": SEARCH_PATH}, work):
        yield address


def delete(address: str, repository: str, digest: str) -> None:
    """Delete a manifest there, with the tags that point to it."""
    url = f"http://{address}/v2/{repository}/manifests/{digest}"
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30) as response:
        assert response.status == 202


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False
