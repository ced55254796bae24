"""What pushes to S3 cost: bytes on the way, memory of a node, and the time of a push's last request (only shown)."""

import sys
import time
from contextlib import ExitStack

import pytest

from storage.digest import Digest
from tests.cluster.clusters import Cluster
from tests.storage.s3_server import Answer, Handler, forward, proxy_before
from tests.torture.amounts import some
from tests.torture.pushes import MIB, begin, pull_blob
from tests.torture.servers import Crowd, Server
from tests.torture.streams import digest_of, send

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

REPOSITORY = "library/figures"


def push(server: Server, size: int, digest: Digest) -> float:
    """Push a blob as clients do, all of it in one chunk; gives the seconds that the empty last request took."""
    with server.client() as client:
        location = begin(client, REPOSITORY)
    assert send(server, "PATCH", location, size).status == 202
    begun = time.perf_counter()
    assert send(server, "PUT", f"{location}?digest={digest}", 0).status == 201
    return time.perf_counter() - begun


def timed(seconds: list[float]) -> Answer:
    """Let the request through, and note how long the service took over it."""

    def answer(handler: Handler, body: bytes) -> None:
        begun = time.perf_counter()
        forward(handler, body)
        seconds.append(time.perf_counter() - begun)

    return answer


def test_commit_of_a_large_layer_asks_no_more_of_the_storage_than_that_of_a_small_one(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both end with 7 MiB that make no whole part. What the service does to join the parts is its own business."""
    asked: list[list[tuple[str, int]]] = []
    with ExitStack() as stack, proxy_before(f"http://{cluster.services.storage.address}") as proxy:
        node = cluster.node("committing", stack=stack, s3_endpoint=proxy.endpoint)
        for size in (16 * MIB + 7 * MIB, some(96, 1024) * MIB + 7 * MIB):
            joining: list[float] = []
            proxy.fail("CompleteMultipartUpload", timed(joining))
            digest = digest_of(size)
            with node.client() as client:
                location = begin(client, REPOSITORY)
            assert send(node, "PATCH", location, size).status == 202
            before, begun = len(proxy.requests), time.perf_counter()
            assert send(node, "PUT", f"{location}?digest={digest}", 0).status == 201
            whole = time.perf_counter() - begun
            asked.append([(r.operation, r.received // MIB) for r in proxy.requests[before:]])
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{size // MIB} MiB: commit {whole:.3f} s, of it {sum(joining):.3f} s joining parts\n"
                )
    assert asked[0] == asked[1]
    assert [operation for operation, _ in asked[0]].count("CompleteMultipartUpload") == 1


def test_every_byte_of_a_large_layer_is_sent_to_the_storage_once(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the bytes after its last whole part."""
    with ExitStack() as stack, proxy_before(f"http://{cluster.services.storage.address}") as proxy:
        node = cluster.node("counted", stack=stack, s3_endpoint=proxy.endpoint)
        for size in (16 * MIB, some(256, 1024) * MIB + 7 * MIB):
            digest, before = digest_of(size), proxy.received()
            seconds = push(node, size, digest)
            sent = (proxy.received() - before) / size
            with capsys.disabled():
                sys.stdout.write(f"\n{size // MIB} MiB: {sent:.4f} bytes sent a byte, last request {seconds:.3f} s\n")
        with node.client() as client:
            assert pull_blob(client, REPOSITORY, digest) == size
    assert 1 <= sent <= 1.005 + 7 * MIB / size


def test_sixteen_large_layers_at_once_pass_through_a_node_in_little_memory(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    size = some(48, 256) * MIB
    digest = digest_of(size)
    with ExitStack() as stack:
        node = cluster.node("crowded", stack=stack)
        push(node, MIB, digest_of(MIB))
        before = node.memory()
        node.forget_peak()
        with Crowd() as crowd:
            for _ in range(16):
                crowd.add(push, node, size, digest)
        peak = node.memory("VmHWM")
        with capsys.disabled():
            sys.stdout.write(
                f"\n16 uploads of {size // MIB} MiB: {before // 10**6} MB before, {peak // 10**6} MB at most\n"
            )
        with node.client() as client:
            assert pull_blob(client, REPOSITORY, digest) == size
        assert "Traceback" not in node.log.read_text()
    assert peak < 400_000_000
