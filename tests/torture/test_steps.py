"""A registry that dies or fails between any two steps of what it does: what was acknowledged holds, and the rest can be
done again.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cluster.faults import Witness
from tests.torture.pushes import Ledger, begin, expect, push_blob
from tests.torture.servers import Server, Start
from tests.torture.steps import MANIFESTS, STEPS, UPLOADS, Action, Orders, Step
from tests.torture.verdicts import settled

FAULTY = (sys.executable, "-m", "tests.torture.faulty")


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path / "orders")


@pytest.fixture
def serve_faulty(serve: Start, tmp_path: Path) -> Start:
    """Start servers that obey `orders`."""
    return partial(serve, program=(*FAULTY, str(tmp_path / "orders")))


def do_everything(client: httpx.Client, ledger: Ledger, name: str) -> None:
    """Each operation of a client: chunks, a mount, a blob that is there already, tags that move and go, deletes."""
    old = ledger.push(client, f"{name}-old", size=20_000)
    ledger.push(client, name, size=20_000)
    ledger.untag(client, f"{name}-old")
    ledger.delete(client, old)
    gone = push_blob(client, ledger.repository, name.encode())
    push_blob(client, ledger.repository, name.encode())
    mount(client, "library/elsewhere", ledger.repository, gone)
    expect(client.delete(f"/v2/{ledger.repository}/blobs/{gone}"), 202)
    expect(client.delete(begin(client, ledger.repository)), 204)


def mount(client: httpx.Client, repository: str, source: str, digest: Digest) -> None:
    params = {"mount": str(digest), "from": source}
    expect(client.post(f"/v2/{repository}/blobs/uploads/", params=params), 201)


def meets(server: Server, orders: Orders, step: Step, action: Action) -> Ledger:
    """Do everything with a step armed; what is cut off there, or refused, is no promise."""
    orders.arm(step, action)
    ledger = Ledger(f"library/{step.name}")
    with Witness().client(server) as client, pytest.raises(httpx.TransportError):
        do_everything(client, ledger, step.name)
    assert orders.is_met(step)
    return ledger


def done_again(server: Server, ledger: Ledger, step: Step) -> Ledger:
    with server.client() as client:
        ledger.verify(client)
        do_everything(client, ledger, step.name)
    return ledger


@pytest.mark.parametrize("steps", [UPLOADS, MANIFESTS], ids=["uploads", "manifests"])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_a_step(
    serve_faulty: Start, orders: Orders, steps: Sequence[Step]
) -> None:
    server, ledgers = serve_faulty(), []
    for step in steps:
        ledger = meets(server, orders, step, "kill")
        server.process.wait()
        server = serve_faulty()
        ledgers.append(done_again(server, ledger, step))
    settled(server, *ledgers)


def test_nothing_acknowledged_is_lost_when_a_step_fails(serve_faulty: Start, orders: Orders) -> None:
    server = serve_faulty()
    settled(server, *(done_again(server, meets(server, orders, step, "fail"), step) for step in (*UPLOADS, *MANIFESTS)))


def test_no_two_steps_have_one_name() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
