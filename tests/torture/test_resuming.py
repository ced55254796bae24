"""Uploads that are cut short, by the client, the network or the server's end, go on where they were."""

import httpx
import pytest

from storage.digest import Digest
from storage.disk import CHECKPOINT_BYTES
from tests.torture.pushes import MIB, begin, content_of, expect, finish, kept, pull_blob
from tests.torture.servers import Server, Start, listens, wait_until
from tests.torture.streams import begun, digest_of, pieces

REPOSITORY = "library/resumed"


def complete(client: httpx.Client, location: str, content: bytes) -> None:
    """Ask what is there, send the rest, and pull the whole."""
    start = kept(client, location)
    headers = {"Content-Range": f"{start}-{len(content) - 1}"}
    expect(client.patch(location, content=content[start:], headers=headers), 202)
    digest = Digest.of(content)
    expect(finish(client, location, digest), 201)
    assert pull_blob(client, REPOSITORY, digest) == len(content)


def test_chunk_whose_connection_is_cut_is_kept_as_far_as_it_came(serve: Start) -> None:
    server, content = serve(), content_of("cut", 5 * MIB)
    with server.client() as client:
        location = begin(client, REPOSITORY)
        with begun(server, "PATCH", location, len(content)) as connection:
            connection.send(content[: 3 * MIB])
        wait_until(lambda: kept(client, location) == 3 * MIB)
        complete(client, location, content)


def test_last_request_whose_connection_is_cut_is_kept_as_far_as_it_came(serve: Start) -> None:
    server, content = serve(), content_of("cut", 5 * MIB)
    with server.client() as client:
        location = begin(client, REPOSITORY)
        with begun(server, "PUT", f"{location}?digest={Digest.of(content)}", len(content)) as connection:
            connection.send(content[: 3 * MIB])
        wait_until(lambda: kept(client, location) == 3 * MIB)
        complete(client, location, content)


def test_upload_that_is_cancelled_while_its_last_request_arrives_ends_as_unknown(serve: Start) -> None:
    server, content = serve(), content_of("cancelled", 4 * MIB)
    with server.client() as client:
        location = begin(client, REPOSITORY)
        with begun(server, "PUT", f"{location}?digest={Digest.of(content)}", len(content)) as connection:
            connection.send(content[: len(content) // 2])
            wait_until(lambda: staged_bytes(server))
            expect(client.delete(location), 204)
            connection.send(content[len(content) // 2 :])
            assert connection.getresponse().status == 404
        expect(client.get(location), 404)
    assert "Traceback" not in server.log.read_text()


def staged_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.data / "uploads").iterdir())


@pytest.mark.slow
def test_long_chunk_has_its_last_checkpoint_when_the_server_is_killed(serve: Start) -> None:
    server, size = serve(), CHECKPOINT_BYTES + 32 * MIB
    digest = digest_of(size)
    with server.client() as client:
        location = begin(client, REPOSITORY)
    with begun(server, "PATCH", location, size) as connection:
        for number, piece in enumerate(pieces(size)):
            if number * MIB < size - 8 * MIB:
                connection.send(piece)
        wait_until(lambda: staged_bytes(server) > CHECKPOINT_BYTES + 16 * MIB)
        server.kill()
    with serve().client() as client:
        start = kept(client, location)
        assert CHECKPOINT_BYTES <= start < size
        rest = b"".join(pieces(size))[start:]
        expect(client.patch(location, content=rest), 202)
        expect(finish(client, location, digest), 201)
        assert pull_blob(client, REPOSITORY, digest) == size


# SIGTERM


def test_transfer_under_way_finishes_within_the_grace(serve: Start) -> None:
    server, content = serve(), content_of("graceful", 4 * MIB)
    with server.client() as client:
        location = begin(client, REPOSITORY)
    with begun(server, "PATCH", location, len(content)) as connection:
        connection.send(content[: 2 * MIB])
        wait_until(lambda: staged_bytes(server) >= MIB)
        server.process.terminate()
        wait_until(lambda: not listens(server))
        connection.send(content[2 * MIB :])
        assert connection.getresponse().status == 202
    assert server.process.wait(timeout=20) == 0
    with serve().client() as client:
        assert kept(client, location) == len(content)
        expect(finish(client, location, Digest.of(content)), 201)


def test_transfer_that_outlasts_the_grace_is_kept_as_far_as_it_came(serve: Start) -> None:
    server, content = serve(grace_seconds="1"), content_of("late", 4 * MIB)
    with server.client() as client:
        location = begin(client, REPOSITORY)
    with begun(server, "PATCH", location, len(content)) as connection:
        connection.send(content[: 2 * MIB])
        wait_until(lambda: staged_bytes(server) >= MIB)
        server.process.terminate()
        assert server.process.wait(timeout=20) == 0
    with serve().client() as client:
        assert MIB <= kept(client, location) <= 2 * MIB
        complete(client, location, content)
