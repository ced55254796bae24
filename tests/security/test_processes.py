"""A server as a process: what it connects to, and what it does when it may open few files."""

import re
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.torture.pushes import Ledger
from tests.torture.servers import Server, Start, listens, wait_until

pytestmark = pytest.mark.slow

# Not sent to: how `cove serve` learns the address of this machine that it shows.
PROBE = ("AF_INET", "192.0.2.1")
_CONNECT = re.compile(r"connect\(\d+, \{sa_family=(AF_INET6?).*?\"([^\"]+)\"")


def use(server: Server) -> None:
    """Push, pull, and be refused."""
    ledger = Ledger("library/app")
    with server.client() as client:
        for tag in ("1", "2"):
            ledger.push(client, tag, 50_000)
        ledger.verify(client)
        assert client.get("/v2/library/none/tags/list").status_code == 404
        assert client.get("/readyz").status_code == 200


def test_server_connects_to_nothing(serve: Start, strace: str, tmp_path: Path) -> None:
    heard = tmp_path / "connections"
    server = serve(
        under=(strace, "-f", "-qq", "-e", "trace=connect", "-o", str(heard)), gc_seconds="1", gc_grace_seconds="0"
    )
    use(server)
    with server.client() as client:
        client.post("/v2/library/app/blobs/uploads/?mount=sha256:" + "0" * 64 + "&from=http://127.0.0.1:9/x")
        client.put("/v2/library/app/manifests/3", content=b'{"urls":["http://127.0.0.1:9/"]}')
        assert client.delete("/v2/library/app/manifests/2").status_code == 202
    server.kill()
    assert set(_CONNECT.findall(heard.read_text())) <= {PROBE}


def test_server_that_may_open_few_files_refuses_some_and_goes_on(serve: Start) -> None:
    server = serve(under=("sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"))
    use(server)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        wait_until(lambda: listens(server))
        with server.client() as client:
            Ledger("library/crowded").push(client, "1", 50_000)
    use(server)
    assert server.process.poll() is None
    said = server.log.read_text()
    assert "may open only 256 files" in said
    assert "Traceback" not in said
    assert "Too many open files" not in said
