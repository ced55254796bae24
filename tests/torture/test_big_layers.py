"""A layer larger than memory passes through the server in both directions in little of it.

COVE_TEST_LAYER_MIB in the environment is the size of the layer in MiB; unset: 256, and 2048 in the full form. The disk
must have room for it.
"""

import os
import shutil
import threading
from pathlib import Path

import httpx
import pytest

from tests.torture.amounts import some
from tests.torture.pushes import MIB, begin, pull_blob
from tests.torture.servers import Crowd, Server, Start
from tests.torture.streams import digest_of, send

SIZE = int(os.environ.get("COVE_TEST_LAYER_MIB", some(256, 2048))) * MIB
REPOSITORY = "library/big"


def look_after(server: Server, done: threading.Event) -> None:
    """Ask after the server's health until the work is done: every answer is good."""
    with httpx.Client(base_url=server.url, timeout=10) as client:
        answered = 0
        while not done.wait(0.05):
            assert client.get("/healthz").status_code == 200
            answered += 1
    assert answered > 10


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_big_layer_passes_in_constant_memory_and_others_are_answered_meanwhile(
    serve: Start, tmp_path: Path, method: str
) -> None:
    if shutil.disk_usage(tmp_path).free < 2 * SIZE:
        pytest.skip("the disk has no room for the layer")
    server, done, digest = serve(), threading.Event(), digest_of(SIZE)
    with server.client() as client, Crowd() as crowd:
        location = begin(client, REPOSITORY)
        assert client.get("/v2/").status_code == 200
        before = server.memory()
        server.forget_peak()
        crowd.add(look_after, server, done)
        try:
            if method == "PATCH":
                assert send(server, "PATCH", location, SIZE).status == 202
                assert send(server, "PUT", f"{location}?digest={digest}", 0).status == 201
            else:
                assert send(server, "PUT", f"{location}?digest={digest}", SIZE).status == 201
            assert pull_blob(client, REPOSITORY, digest) == SIZE
        finally:
            done.set()
    assert server.memory("VmHWM") - before < 64 * MIB
