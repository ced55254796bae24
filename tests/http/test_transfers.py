"""`cove top` shows what goes on in all servers over the same records."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from click.testing import CliRunner

from registry.cli import main
from storage.digest import Digest
from tests.cli.running import COVE, environment
from tests.http.conftest import Make
from tests.http.pushes import basic, port
from tests.http.raw import Client, eventually, get
from tests.http.serving import Registry

MIB = 1 << 20
LAYER = bytes(48 * MIB)  # more than the kernel keeps for a client that does not read


def settings_of(registry: Registry) -> dict[str, str]:
    given = {"data": str(registry.config.data), "database_url": registry.config.database_url or ""}
    return {name: value for name, value in given.items() if value}


@contextmanager
def uploading(registry: Registry, repository: str, size: int, sent: int) -> Iterator[None]:
    """An upload that stops half-way, for as long as this lasts."""
    begun = registry.client("admin").post(f"/v2/{repository}/blobs/uploads/")
    with Client(port(registry)) as client:
        head = (f"PATCH {begun.headers['Location']} HTTP/1.1", "Host: cove", basic(), f"Content-Length: {size}")
        client.send("\r\n".join([*head, "", ""]).encode() + bytes(sent))
        yield


@contextmanager
def downloading(registry: Registry, repository: str, digest: Digest) -> Iterator[None]:
    """A download that its client does not read, for as long as this lasts."""
    with Client(port(registry), receive_buffer=4096) as client:
        client.send(get(f"/v2/{repository}/blobs/{digest}", basic()))
        assert b" 200 " in client.head()
        yield


def shown(registry: Registry) -> list[dict[str, Any]]:
    names = {f"COVE_{name.upper()}": value for name, value in settings_of(registry).items()}
    done = CliRunner().invoke(main, ["top", "--json"], env=names)
    assert done.exit_code == 0, done.output
    return [*json.loads(done.stdout)]


def test_transfers_of_all_servers_are_shown_with_how_far_they_are(make_registry: Make) -> None:
    one, other = make_registry(), make_registry()
    digest = one.push_blob("library/down", LAYER)
    with uploading(one, "library/up", 8 * MIB, 2 * MIB), downloading(other, "library/down", digest):
        by_way = {each["transfer"]: each for each in shown(one)}
    up, down = by_way["upload"], by_way["download"]
    assert (up["repository"], up["user"], up["client"]) == ("library/up", "admin", "127.0.0.1")
    assert up["total_bytes"] == 8 * MIB
    assert MIB <= up["done_bytes"] <= 2 * MIB  # the last piece may wait for more
    assert up["percent"] == up["done_bytes"] * 100 // (8 * MIB)
    assert (down["repository"], down["digest"], down["total_bytes"]) == ("library/down", str(digest), len(LAYER))
    assert 0 < down["done_bytes"] < len(LAYER)
    assert down["seconds"] >= 1
    eventually(lambda: shown(one) == [])


def test_download_is_as_far_as_its_client_has_taken_it(make_registry: Make) -> None:
    """Also where the kernel sends the file: but for the piece that is under way."""
    registry = make_registry()
    digest = registry.push_blob("library/down", LAYER)
    with Client(port(registry), receive_buffer=4096) as client:
        client.send(get(f"/v2/library/down/blobs/{digest}", basic()))
        taken = 0
        while taken < 20 * MIB:
            taken += len(client.read(MIB))
        [down] = shown(registry)
    assert 8 * MIB <= down["done_bytes"] < len(LAYER)


def test_terminal_shows_them_again_each_second_until_control_c(make_registry: Make) -> None:
    registry = make_registry()
    ours, its = pty.openpty()
    with uploading(registry, "library/up", 8 * MIB, 2 * MIB):
        process = subprocess.Popen(
            [*COVE, "top"], stdin=its, stdout=its, stderr=its, env=environment(**settings_of(registry))
        )
        os.close(its)
        text = ""
        while text.count("library/up") < 2:
            text += os.read(ours, 65536).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    os.close(ours)
    [head, line, *_] = text.split("\033[H\033[J")[1].splitlines()
    assert head.split()[:4] == ["TRANSFER", "REPOSITORY", "USER", "CLIENT"]
    assert line.split()[:4] == ["upload", "library/up", "admin", "127.0.0.1"]
    assert "MB" in line
