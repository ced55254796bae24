"""What a machine may do to a registry: too few files to open, folders that vanish or may not be written, two servers
over one folder, a database that is locked or is none.
"""

import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.torture.media import mounted
from tests.torture.pushes import Ledger, begin, content_of, expect, finish, kept, pull_image
from tests.torture.servers import Crowd, NotReady, Start, listens, start, wait_until
from tests.torture.verdicts import settled

REPOSITORY = "library/surrounded"


def put_blob(client: httpx.Client, content: bytes) -> httpx.Response:
    params = {"digest": str(Digest.of(content))}
    return client.post(f"/v2/{REPOSITORY}/blobs/uploads/", params=params, content=content)


def expect_unavailable(response: httpx.Response) -> None:
    """An answer of the form that clients know, with a time to come back."""
    expect(response, 503)
    assert response.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert int(response.headers["retry-after"]) > 0


# Files to open


def test_server_that_ran_out_of_files_to_open_serves_again_when_some_are_closed(serve: Start) -> None:
    limit = shutil.which("prlimit")
    if not limit:
        pytest.skip("prlimit is not installed")
    server, ledger = serve(under=(limit, "--nofile=128:128")), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "before")
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        time.sleep(1)  # for the server to take as many as it can
    wait_until(lambda: listens(server))
    with server.client() as client:
        ledger.push(client, "after")
        ledger.verify(client)
    assert "Traceback" not in server.log.read_text() or "Too many open files" in server.log.read_text()


# Memory


def test_server_with_little_address_space_serves_many_who_push(serve: Start) -> None:
    limit = shutil.which("prlimit")
    if not limit:
        pytest.skip("prlimit is not installed")
    server, ledger = serve(under=(limit, "--as=600000000")), Ledger(REPOSITORY)

    def push(number: int) -> None:
        with server.client() as client:
            for each in range(3):
                ledger.push(client, f"{number}-{each}")

    with Crowd() as crowd:
        crowd.add_all(push, range(24))
    with server.client() as client:
        ledger.verify(client)
    assert "Traceback" not in server.log.read_text()


# Folders


def test_data_folder_that_is_gone_makes_the_registry_unready_and_costs_nothing_when_it_is_back(serve: Start) -> None:
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "before")
        away = server.data.rename(server.data.with_name("away"))
        assert client.get("/readyz").status_code == 503
        refused = put_blob(client, b"meanwhile")
        assert refused.status_code >= 500, refused.text
        assert client.get("/healthz").status_code == 200
        if server.data.exists():
            shutil.rmtree(server.data)
        away.rename(server.data)
        wait_until(lambda: client.get("/readyz").status_code == 200)
        ledger.push(client, "after")
        ledger.verify(client)
    server.kill()
    with serve().client() as client:
        ledger.verify(client)


def test_start_on_a_disk_that_may_only_be_read_is_refused_in_one_line_and_costs_nothing(tmp_path: Path) -> None:
    ledger, log = Ledger(REPOSITORY), tmp_path / "log"
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "small") as disk, ExitStack() as stack:
        with (server := start(stack, disk / "data", log=log)).client() as client:
            ledger.push(client, "before")
        assert server.stop() == 0
        log.write_text("")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(NotReady):
            start(stack, disk / "data", log=log)
        assert log.read_text().startswith("cove: ")
        assert len(log.read_text().splitlines()) == 1
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with start(stack, disk / "data", log=log).client() as client:
            ledger.verify(client)
            ledger.push(client, "after")


# Two servers


def test_two_servers_over_one_folder_are_one_registry_and_either_may_die(data: Path) -> None:
    ledgers = [Ledger(f"library/beside{number}") for number in range(2)]
    content = content_of("beside", 200_000)
    with ExitStack() as stack:
        first, second = (start(stack, data, log=data.with_name(f"log{number}")) for number in range(2))
        with first.client() as one, second.client() as other:
            location = begin(one, REPOSITORY)
            expect(one.patch(location, content=content[:100_000]), 202)
            expect(other.patch(location, content=content[100_000:]), 202)
        with Crowd() as crowd:
            for server, ledger in zip((first, second), ledgers, strict=True):
                crowd.add(ledger.push_until_cut, server.client(), "r")
            time.sleep(1)
            first.kill()
            time.sleep(0.5)
            second.kill()
        third = start(stack, data, log=data.with_name("log2"))
        with third.client() as client:
            assert kept(client, location) == len(content)
            expect(finish(client, location, Digest.of(content)), 201)
        settled(third, *ledgers)


# The database


def test_database_that_another_program_locks_is_waited_for_and_then_the_client_told_to_come_back(serve: Start) -> None:
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client, closing(sqlite3.connect(server.data / "cove.db", isolation_level=None)) as other:
        early = ledger.push(client, "before")
        with server.client() as waiting, Crowd() as crowd:
            other.execute("BEGIN IMMEDIATE")
            crowd.add(ledger.push, waiting, "waiting")
            time.sleep(2)
            assert pull_image(client, REPOSITORY, early) == early
            other.execute("ROLLBACK")
        other.execute("BEGIN IMMEDIATE")
        expect_unavailable(put_blob(client, b"meanwhile"))
        other.execute("ROLLBACK")
        ledger.push(client, "after")
    settled(server, ledger)


@pytest.mark.parametrize("damage", [b"\0" * 100, b"no database at all " * 10], ids=["zeros", "text"])
def test_file_that_is_no_database_any_more_is_refused_and_left_as_it_is(serve: Start, damage: bytes) -> None:
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "before")
    assert server.stop() == 0
    path = server.data / "cove.db"
    whole = path.read_bytes()
    path.write_bytes(damage + whole[len(damage) :])
    with pytest.raises(NotReady) as refusal:
        serve()
    assert "Traceback" not in str(refusal.value)
    assert path.read_bytes() == damage + whole[len(damage) :]
    path.write_bytes(whole)
    with serve().client() as client:
        ledger.verify(client)


def test_objects_that_are_gone_are_unknown_and_never_an_empty_answer(serve: Start) -> None:
    """As of a disk that was not mounted: clients are told that there is nothing, and what they push anew heals it."""
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "before")
        (server.data / "blobs").rename(server.data / "unmounted")
        for digest in ledger.blobs:
            expect(client.head(f"/v2/{REPOSITORY}/blobs/{digest}"), 404)
            expect(client.get(f"/v2/{REPOSITORY}/blobs/{digest}"), 404)
        ledger.push(client, "before")
        ledger.verify(client)
