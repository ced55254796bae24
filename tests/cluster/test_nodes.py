"""Any node goes on with what another began, and knows at once what another has changed."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import start
from tests.clients.registries import Registry, password_of
from tests.cluster.clusters import Cluster
from tests.cluster.services import services
from tests.storage.s3_server import ENVIRONMENT
from tests.torture.pushes import MIB, Ledger, begin, content_of, expect, finish, kept, pull_blob
from tests.torture.servers import Crowd

pytestmark = pytest.mark.cluster

PART = 8 * MIB  # the least that goes to S3 as a part of its own, by default


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """The administrator at either node."""
    with cluster.nodes[0].client() as first, cluster.nodes[1].client() as second:
        yield first, second


@pytest.fixture
def repository() -> str:
    return f"library/app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def project(cluster: Cluster) -> str:
    """A private project of its own."""
    name = f"team-{uuid.uuid4().hex[:8]}"
    cluster.registry().cove("project", "add", name)
    return name


@pytest.fixture
def member(cluster: Cluster, project: str) -> str:
    """A developer of the project."""
    name, registry = f"ann-{uuid.uuid4().hex[:8]}", cluster.registry()
    registry.add_user(name)
    registry.cove("member", "add", project, name, "developer")
    return name


# Uploads


@pytest.mark.parametrize("size", [600_000, 2 * PART + 600_000])
def test_upload_goes_on_at_another_node_chunk_by_chunk(
    nodes: tuple[httpx.Client, httpx.Client], repository: str, size: int
) -> None:
    content, step = content_of("spread", size), size // 6 + 1
    location = begin(nodes[0], repository)
    for number, start_ in enumerate(range(0, size, step)):
        chunk = content[start_ : start_ + step]
        expect(nodes[(number + 1) % 2].patch(location, content=chunk), 202)
        assert kept(nodes[number % 2], location) == start_ + len(chunk)
    expect(finish(nodes[0], location, Digest.of(content)), 201)
    expect(nodes[1].get(location), 404)
    assert pull_blob(nodes[1], repository, Digest.of(content)) == size


def test_upload_is_finished_at_a_node_that_has_seen_none_of_it(
    nodes: tuple[httpx.Client, httpx.Client], repository: str
) -> None:
    content = content_of("elsewhere", PART + 1)
    location = begin(nodes[0], repository)
    expect(nodes[0].patch(location, content=content), 202)
    expect(finish(nodes[1], location, Digest.of(content)), 201)
    assert pull_blob(nodes[0], repository, Digest.of(content)) == len(content)


def test_upload_is_cancelled_at_another_node(nodes: tuple[httpx.Client, httpx.Client], repository: str) -> None:
    location = begin(nodes[0], repository)
    expect(nodes[0].patch(location, content=bytes(PART + 1)), 202)
    expect(nodes[1].delete(location), 204)
    expect(nodes[0].get(location), 404)
    expect(nodes[0].patch(location, content=b"more"), 404)


def test_two_nodes_do_not_append_to_one_upload_at_once(
    nodes: tuple[httpx.Client, httpx.Client], repository: str
) -> None:
    location, arrived, refused = begin(nodes[0], repository), threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield from [bytes(MIB)] * 32  # more than waits on the way: the node is reading it, and so has the upload
        arrived.set()
        assert refused.wait(60)
        yield b"the end"

    def append() -> None:
        expect(nodes[0].patch(location, content=slowly()), 202)

    with Crowd() as crowd:
        crowd.add(append)
        try:
            assert arrived.wait(60)
            expect(nodes[1].patch(location, content=b"in between"), 416)
        finally:
            refused.set()
    assert kept(nodes[1], location) == 32 * MIB + len(b"the end")


# What one node changes, the other knows


def test_what_one_node_deletes_is_gone_at_the_other_at_once(
    nodes: tuple[httpx.Client, httpx.Client], repository: str
) -> None:
    ledger = Ledger(repository)
    for number in range(4):
        image = ledger.push(nodes[0], f"n{number}", 10_000)
        ledger.verify(nodes[1])
        ledger.delete(nodes[1], image)
        ledger.verify(nodes[0])


def test_tag_that_one_node_moves_has_moved_at_the_other_at_once(
    nodes: tuple[httpx.Client, httpx.Client], repository: str
) -> None:
    ledger = Ledger(repository)
    for number in range(4):
        image = ledger.push(nodes[number % 2], f"n{number}", 10_000)
        answer = expect(nodes[(number + 1) % 2].get(f"/v2/{repository}/manifests/latest"), 200)
        assert answer.headers["docker-content-digest"] == str(image)


def test_deleted_tag_is_unknown_at_the_other_node_on_its_next_request(
    nodes: tuple[httpx.Client, httpx.Client], repository: str
) -> None:
    Ledger(repository).push(nodes[0], "v1", 10_000)
    expect(nodes[1].get(f"/v2/{repository}/manifests/v1"), 200)
    expect(nodes[0].delete(f"/v2/{repository}/manifests/v1"), 202)
    expect(nodes[1].get(f"/v2/{repository}/manifests/v1"), 404)


def bearer(cluster: Cluster, node: int, user: str | None, project: str) -> httpx.Client:
    """A client of one node with a token of the other."""
    scope = {"service": "cove", "scope": f"repository:{project}/app:pull,push"}
    credentials = (user, password_of(user)) if user else None
    answer = httpx.get(f"{cluster.nodes[1 - node].url}/service/token", params=scope, auth=credentials)
    headers = {"Authorization": f"Bearer {expect(answer, 200).json()['token']}"}
    return httpx.Client(base_url=cluster.nodes[node].url, headers=headers, timeout=60)


def test_token_of_one_node_is_accepted_by_the_other(cluster: Cluster, project: str, member: str) -> None:
    with bearer(cluster, 1, member, project) as client:
        Ledger(f"{project}/app").push(client, "v1", 10_000)
    with bearer(cluster, 0, member, project) as client:
        expect(client.get(f"/v2/{project}/app/manifests/v1"), 200)


def remove(registry: Registry, project: str, member: str) -> None:
    registry.cove("member", "remove", project, member)


def demote(registry: Registry, project: str, member: str) -> None:
    registry.cove("member", "role", project, member, "guest")


def disable(registry: Registry, project: str, member: str) -> None:
    registry.cove("user", "disable", member)


def delete(registry: Registry, project: str, member: str) -> None:
    registry.cove("user", "delete", member)


def change_password(registry: Registry, project: str, member: str) -> None:
    registry.cove("user", "password", member, "--password-stdin", stdin="Another-one-2\n")


Change = Callable[[Registry, str, str], None]


@pytest.mark.parametrize("change", [remove, demote, disable, delete, change_password])
def test_token_and_password_are_refused_by_both_nodes_after_a_change(
    cluster: Cluster, project: str, member: str, change: Change
) -> None:
    uploads = f"/v2/{project}/app/blobs/uploads/"
    clients = [bearer(cluster, number, member, project) for number in range(2)]
    clients += [
        httpx.Client(base_url=node.url, auth=(member, password_of(member)), timeout=60) for node in cluster.nodes
    ]
    with ExitStack() as stack:
        for client in clients:
            expect(stack.enter_context(client).post(uploads), 202)
        change(cluster.registry(), project, member)
        for client in clients:
            expect(client.post(uploads), 401, 403)


def test_project_that_becomes_private_is_closed_to_everybody_at_both_nodes(cluster: Cluster, project: str) -> None:
    registry = cluster.registry()
    registry.cove("project", "public", project)
    with cluster.nodes[0].client() as client:
        Ledger(f"{project}/app").push(client, "v1", 10_000)
    anonymous = [bearer(cluster, number, None, project) for number in range(2)]
    with ExitStack() as stack:
        for client in anonymous:
            expect(stack.enter_context(client).get(f"/v2/{project}/app/manifests/v1"), 200)
        registry.cove("project", "private", project)
        for client in anonymous:
            expect(client.get(f"/v2/{project}/app/manifests/v1"), 401, 403)


# Starting


def test_nodes_that_start_at_once_make_one_schema_and_one_administrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with services(tmp_path) as shared, ExitStack() as stack:
        started = []

        def start_node(name: str) -> None:
            folder = tmp_path / name
            folder.mkdir()
            arguments = ("--data", str(folder / "data"))
            started.append(start(stack, folder / "log", arguments, shared.settings()))

        with Crowd() as crowd:
            crowd.add_all(start_node, ["first", "second", "third"])
        [first] = [node for node in started if any(line.startswith("  Password") for line in node.shown)]
        assert [node.sign_in("admin", first.password) for node in started] == [200, 200, 200]
        assert not any("Traceback" in node.log.read_text() for node in started)
