"""What the nodes share fails, and so do they: nothing acknowledged is lost, and clients are told to come again."""

import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.cluster.clusters import Cluster
from tests.cluster.faults import Witness, only_whole_images_are_seen, pull_on, push_on
from tests.cluster.services import Service
from tests.storage.s3_server import (
    Answer,
    cut_after,
    do_and_hang_up,
    do_and_say,
    forward,
    hang_up,
    proxy_before,
    refuse,
    stall_after,
)
from tests.torture.amounts import FULL, some
from tests.torture.pushes import MIB, Ledger
from tests.torture.servers import Crowd, Server
from tests.torture.test_kills import kill_at

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

PUSHERS = 4
PARALLEL = 16
PARALLEL_PUSHES = some(40, 200)


@contextmanager
def crowd_at(servers: list[Server], witness: Witness, test: str, size: int = 300_000) -> Iterator[None]:
    """Pushers and pullers at each of the servers while the block runs; afterwards all is as it was promised."""
    stop, standing = threading.Event(), Ledger(f"library/{test}-standing")
    ledgers = [Ledger(f"library/{test}{number}") for number in range(PUSHERS)]
    with servers[0].client() as client:
        standing.push(client, "v1", 3 * MIB)
    with Crowd() as crowd:
        for number, ledger in enumerate(ledgers):
            server = servers[number % len(servers)]
            crowd.add(push_on, witness, server, ledger, stop, size)
            crowd.add(pull_on, witness, server, standing.repository, "v1", stop)
        try:
            witness.wait_for("pushes", PUSHERS)
            yield
            witness.wait_for("pushes", PUSHERS)
            witness.wait_for("pulls", PUSHERS)
        finally:
            stop.set()
    for server in servers:
        with server.client() as client:
            for ledger in [standing, *ledgers]:
                only_whole_images_are_seen(client, ledger)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("service", ["database", "storage"])
def test_service_that_dies_and_comes_back_costs_nobody_what_was_promised(cluster: Cluster, service: str) -> None:
    witness, failing = Witness(), getattr(cluster.services, service)
    assert isinstance(failing, Service)
    with crowd_at(cluster.nodes, witness, f"{service}-dies"):
        for _ in range(2):
            failing.end(signal.SIGQUIT if service == "database" else signal.SIGKILL)
            try:
                witness.wait_for("refusals", PUSHERS)
            finally:
                failing.start()
            witness.wait_for("pushes", PUSHERS)
            witness.wait_for("pulls", PUSHERS)


# Faults of a service that is there


def sometimes(chance: random.Random, part: float, answers: list[Answer]) -> Answer:
    """One of the answers for a part of the requests, chosen anew for each, and the right one for the others."""

    def answer(handler: object, body: bytes) -> None:
        chosen = chance.choice(answers) if chance.random() < part else forward
        chosen(handler, body)  # type: ignore[arg-type]

    return answer


CHANGES = (
    *("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
    *("HeadObject", "DeleteObject", "AbortMultipartUpload"),
)
REFUSALS = [
    refuse(503, "SlowDown"),
    refuse(500, "InternalError"),
    do_and_say(500, "InternalError"),
    hang_up,
    do_and_hang_up,
]
BREAKS = [
    refuse(503, "SlowDown"),
    refuse(500, "InternalError"),
    hang_up,
    cut_after(100_000),
    stall_after(100_000, seconds=3),
]


def test_storage_that_fails_now_and_then_is_asked_again(cluster: Cluster) -> None:
    chance, witness = random.Random(5), Witness()
    with ExitStack() as stack, proxy_before(f"http://{cluster.services.storage.address}") as proxy:
        options = {"s3_endpoint": proxy.endpoint, "s3_timeout_seconds": "2", "s3_part_bytes": str(5 * MIB)}
        node = cluster.node("far", stack=stack, **options)
        with crowd_at([node], witness, "unsteady", size=11 * MIB):
            for operation in CHANGES:
                proxy.fail(operation, sometimes(chance, 0.2, REFUSALS), times=1_000_000)
            proxy.fail("GetObject", sometimes(chance, 0.3, BREAKS), times=1_000_000)
            witness.wait_for("pushes", some(1, 3) * PUSHERS)
            witness.wait_for("pulls", some(1, 3) * PUSHERS)
            proxy.faults.clear()


# Nodes that die


def test_node_that_is_killed_at_any_step_of_a_push_loses_nothing(cluster: Cluster, strace: str) -> None:
    """At the n-th time that a thread of it sends something: to the database, the storage or its client."""
    with ExitStack() as stack:

        def node() -> Server:
            return cluster.node("mortal", stack=stack)

        assert kill_at(node, strace, "?sendto,?sendmsg", range(1, 2000, 37) if FULL else [1, 7, 30, 90, 200, 2000]) > 3


def test_every_acknowledged_image_of_many_parallel_pushes_outlives_the_deaths_of_nodes(
    cluster: Cluster,
) -> None:
    stop, ledgers = threading.Event(), [Ledger(f"library/parallel{number}") for number in range(PARALLEL_PUSHES)]
    with Crowd() as crowd:
        crowd.add(kill_in_turn, cluster, stop)
        try:
            with ThreadPoolExecutor(PARALLEL) as pushers:
                attempts = sum(pushers.map(lambda ledger: push_until_done(cluster, ledger), ledgers))
        finally:
            stop.set()
    for number, node in enumerate(cluster.nodes):
        with node.client() as client:
            for ledger in ledgers[number :: len(cluster.nodes)]:
                only_whole_images_are_seen(client, ledger)
                assert len(ledger.manifests) == 1
    assert attempts > PARALLEL_PUSHES  # or nobody was hit


def kill_in_turn(cluster: Cluster, stop: threading.Event) -> None:
    number = 0
    while not stop.wait(2):
        cluster.nodes[number % 2].kill()
        cluster.restart(number % 2)
        number += 1


def push_until_done(cluster: Cluster, ledger: Ledger) -> int:
    """Push an image through nginx, from the start each time that a node died over it; tells how often that was."""
    attempts = 0
    while True:
        attempts += 1
        with Witness().client(cluster.nodes[0]) as client:
            client.base_url = cluster.url
            client.event_hooks["response"].append(begin_again)
            try:
                ledger.push(client, "v1", 100_000)
            except httpx.TransportError:
                continue
            return attempts


def begin_again(response: httpx.Response) -> None:
    """nginx has lost the node, or has asked another after it: the upload may be at its end, or claimed by the dead."""
    lost = response.status_code in (404, 416) and response.request.method in ("PUT", "PATCH")
    if response.status_code == 502 or (lost and "/blobs/uploads/" in response.request.url.path):
        raise httpx.TransportError("a node died")
