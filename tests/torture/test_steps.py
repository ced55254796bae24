"""A registry that dies or fails between any two steps of what it does: what was acknowledged holds, and the rest can be
done again.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import environment
from tests.cluster.faults import Witness
from tests.torture.amounts import FULL, some
from tests.torture.pushes import Ledger, begin, expect, push_blob
from tests.torture.servers import Server, Start
from tests.torture.steps import CLEANING, MANIFESTS, STEPS, UPLOADS, Action, Orders, Step
from tests.torture.verdicts import is_tidy, settled

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


def clean_up(server: Server, orders: Orders) -> "subprocess.CompletedProcess[str]":
    """`cove gc`, of what nobody needs at this moment."""
    return subprocess.run(
        [*FAULTY, str(orders.folder), "gc", "--data", str(server.data)],
        env=environment(gc_grace_seconds="0", keep_deleted_seconds="0"),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(some(300, 600))
@pytest.mark.parametrize("action", ["kill", "fail"])
def test_nothing_in_use_is_lost_when_a_clean_up_ends_at_a_step_and_the_next_one_ends_it(
    serve_faulty: Start, orders: Orders, action: Action
) -> None:
    server, ledgers = serve_faulty(gc_seconds="0"), []
    first, every = (action == "fail", 2) if not FULL else (0, 1)  # in the short form each step ends in one of the ways
    for step in CLEANING[first::every]:
        ledgers.append(Ledger(f"library/{step.name}"))
        with server.client() as client:
            do_everything(client, ledgers[-1], step.name)
            orders.arm(step, action)
            ended = clean_up(server, orders)
            assert orders.is_met(step)
            assert ended.returncode == (1 if action == "fail" else -signal.SIGKILL), ended.stderr
            ledgers[-1].blobs.clear()  # those of images are held to account with them; the others may go
            ledgers[-1].verify(client)
            do_everything(client, ledgers[-1], f"{step.name}-again")
            ledgers[-1].blobs.clear()
        ended = clean_up(server, orders)
        assert ended.returncode == 0, ended.stderr
        assert is_tidy(server.data)
    settled(server, *ledgers)


def test_no_two_steps_have_one_name() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
