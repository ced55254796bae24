"""Two nodes over the same data that do the same thing, or opposite ones, at the same moment: the rules hold as for one.

Each race is run many times, since no single run is sure to meet. On SQLite the nodes are two processes of one machine.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from auth import throttle
from auth.access import Access, Actor
from auth.roles import Role
from registry.app import FirstStart, prepare
from registry.config import Config
from registry.core.blobs import Blobs
from registry.core.manifests import Manifests
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.errors import (
    BlobUploadUnknown,
    Conflict,
    Denied,
    ManifestBlobUnknown,
    NameUnknown,
    NotFound,
    RegistryError,
    Unsupported,
    UploadRangeInvalid,
)
from registry.oci.names import Reference, RepositoryName
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, login_failures, repositories, users
from storage.metadata.database import CommitUnknown
from tests.http.serving import MANIFEST_TYPE, Members, Users, image_manifest
from tests.storage.metadata.databases import open_database
from tests.storage.postgres_server import PostgresServer
from tests.storage.wires import wire_to

ROUNDS = 12
NOBODY = Actor()
HASH = "not checked here"


class Node:
    """One of several processes, or machines, that serve the same data."""

    def __init__(self, address: str, folder: Path) -> None:
        self.database = open_database(address)
        self.database.migrate()
        store = DiskStore(folder)
        self.users = Users(self.database)
        self.projects = Projects(self.database, store)
        self.members = Members(self.database, self.projects)
        self.blobs = Blobs(self.database, store, Access(is_open=True))
        self.uploads = Uploads(self.database, store, self.blobs, expiry_seconds=3600)
        self.manifests = Manifests(self.database, sparse="none")

    def close(self) -> None:
        self.database.close()

    def add_user(self, name: str, *, admin: bool = False) -> None:
        """Without the hashing of a password, which would keep the nodes from meeting."""
        with self.database.write() as tx:
            users.add(tx, name, HASH, is_admin=admin, now=1)

    def repository(self, name: str = "team/app") -> Repository:
        return Repository(self.projects.ensure_public(name.partition("/")[0]), RepositoryName.parse(name))

    def push_blob(self, repository: Repository, content: bytes) -> Digest:
        upload = self.uploads.start(NOBODY, repository).id
        with closing(self.uploads.open(NOBODY, repository, upload)) as opened:
            opened.append(content)
            opened.finish(Digest.of(content))
        return Digest.of(content)


@dataclass(frozen=True, slots=True)
class Place:
    address: str
    folder: Path


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(str(tmp_path / "cove.db"), tmp_path / "blobs")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(server.make_database(), tmp_path / "blobs")


@pytest.fixture
def nodes(place: Place) -> Iterator[tuple[Node, Node]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(closing(Node(place.address, place.folder))),
            stack.enter_context(closing(Node(place.address, place.folder))),
        )


def at_once(*work: Callable[[], object]) -> list[object]:
    """What each of them returned, or the error of the registry that it raised."""
    barrier = threading.Barrier(len(work))

    def run(each: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return each()
        except RegistryError as error:
            return error

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(run, work))


def count(outcomes: list[object], kind: type) -> int:
    return sum(isinstance(outcome, kind) for outcome in outcomes)


# People and projects


def test_name_is_given_to_one_user_and_the_other_is_told(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(3):
        name = f"u{number}"
        found = at_once(
            partial(one.users.create, name, "Correct-horse1"), partial(two.users.create, name, "Correct-horse1")
        )
        assert count(found, Conflict) == 1


def test_name_is_given_to_one_project_and_the_other_is_told(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(ROUNDS):
        name = f"p{number}"
        found = at_once(partial(one.projects.create, name), partial(two.projects.create, name))
        assert count(found, Conflict) == 1


def test_project_that_both_need_is_made_once(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(ROUNDS):
        name = f"p{number}"
        first, second = at_once(partial(one.projects.ensure_public, name), partial(two.projects.ensure_public, name))
        assert first == second


def test_member_is_added_once_with_the_role_of_that_time(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.projects.create("team")
    for number in range(ROUNDS):
        user = f"u{number}"
        one.add_user(user)
        found = at_once(
            partial(one.members.add, "team", user, Role.GUEST), partial(two.members.add, "team", user, Role.DEVELOPER)
        )
        assert count(found, Conflict) == 1
        [added] = [outcome for outcome in found if not isinstance(outcome, Conflict)]
        assert added in one.members.list("team")


def test_member_that_is_removed_gets_no_role_any_more(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.projects.create("team")
    for number in range(ROUNDS):
        user = f"u{number}"
        one.add_user(user)
        one.members.add("team", user, Role.GUEST)
        at_once(partial(one.members.remove, "team", user), partial(two.members.set_role, "team", user, Role.MAINTAINER))
        assert one.members.list("team") == []


def test_user_that_is_deleted_while_it_becomes_a_member_is_none(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.projects.create("team")
    one.add_user("first", admin=True)
    for number in range(ROUNDS):
        user = f"u{number}"
        one.add_user(user)
        found = at_once(partial(one.users.delete, user), partial(two.members.add, "team", user, Role.GUEST))
        assert not isinstance(found[0], RegistryError)
        assert not isinstance(found[1], RegistryError) or isinstance(found[1], NotFound)
        assert one.members.list("team") == []


def test_two_administrators_who_shut_each_other_out_leave_one(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for name in ("ann", "bob"):
        one.add_user(name, admin=True)
    for _ in range(ROUNDS):
        found = at_once(partial(one.users.disable, "ann"), partial(two.users.disable, "bob"))
        assert count(found, Denied) == 1
        for name in ("ann", "bob"):
            one.users.enable(name)


def test_every_failed_sign_in_is_counted(nodes: tuple[Node, Node]) -> None:
    def fail(node: Node) -> None:
        for _ in range(ROUNDS):
            with node.database.write() as tx:
                throttle.record_failure(tx, "ann", "192.0.2.1", 1_000_000)

    one, two = nodes
    at_once(partial(fail, one), partial(fail, two))
    with one.database.read() as tx:
        found = login_failures.find(tx, "192.0.2.1 ann")
    assert found
    assert found.count == 2 * ROUNDS


# Images


def test_same_blob_pushed_at_once_is_kept_once_and_both_have_it(nodes: tuple[Node, Node], place: Place) -> None:
    one, two = nodes
    for number in range(ROUNDS):
        content = f"blob {number}".encode()
        found = at_once(
            partial(one.push_blob, one.repository("team/one"), content),
            partial(two.push_blob, two.repository("team/two"), content),
        )
        assert found == [Digest.of(content)] * 2
        for name in ("team/one", "team/two"):
            assert two.blobs.stat(two.repository(name), Digest.of(content)).size == len(content)
    assert len([path for path in (place.folder / "blobs").rglob("*") if path.is_file()]) == ROUNDS


def test_same_image_pushed_at_once_is_one_image_with_both_tags(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    config = one.push_blob(one.repository(), b"{}")
    for number in range(ROUNDS):
        layer = one.push_blob(one.repository(), f"layer {number}".encode())
        content = image_manifest(config, 2, layer, len(f"layer {number}"))
        found = at_once(
            partial(
                one.manifests.push, NOBODY, one.repository(), Reference.parse(f"a{number}"), MANIFEST_TYPE, content
            ),
            partial(
                two.manifests.push, NOBODY, two.repository(), Reference.parse(f"b{number}"), MANIFEST_TYPE, content
            ),
        )
        assert not count(found, RegistryError), found
        for tag in ("a", "b"):
            assert one.manifests.find(one.repository(), Reference.parse(f"{tag}{number}")).digest == str(
                Digest.of(content)
            )


def test_tag_pushed_at_once_names_one_of_the_images(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    config = one.push_blob(one.repository(), b"{}")
    images = [image_manifest(config, 2, one.push_blob(one.repository(), layer), 1) for layer in (b"1", b"2")]
    for number in range(ROUNDS):
        tag = Reference.parse(f"t{number}")
        found = at_once(
            partial(one.manifests.push, NOBODY, one.repository(), tag, MANIFEST_TYPE, images[0]),
            partial(two.manifests.push, NOBODY, two.repository(), tag, MANIFEST_TYPE, images[1]),
        )
        assert not count(found, RegistryError), found
        assert one.manifests.find(one.repository(), tag).digest in [str(Digest.of(image)) for image in images]


def test_blob_that_is_deleted_while_an_image_names_it_stays_or_the_image_is_refused(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    config = one.push_blob(one.repository(), b"{}")
    for number in range(ROUNDS):
        layer = one.push_blob(one.repository(), f"layer {number}".encode())
        content = image_manifest(config, 2, layer, len(f"layer {number}"))
        deleted, pushed = at_once(
            partial(one.blobs.delete, one.repository(), layer),
            partial(two.manifests.push, NOBODY, two.repository(), Reference.parse("1"), MANIFEST_TYPE, content),
        )
        if isinstance(deleted, Unsupported):
            assert not isinstance(pushed, RegistryError)
            assert one.blobs.stat(one.repository(), layer)
        else:
            assert isinstance(pushed, ManifestBlobUnknown)


def test_session_is_moved_on_by_one_of_two(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    repository = one.repository()

    def append(node: Node, upload: str) -> None:
        with closing(node.uploads.open(NOBODY, repository, upload, first_byte=0)) as opened:
            opened.append(b"bytes")
            opened.save()

    for _ in range(ROUNDS):
        upload = one.uploads.start(NOBODY, repository).id
        found = at_once(partial(append, one, upload), partial(append, two, upload))
        assert count(found, UploadRangeInvalid) == 1
        assert two.uploads.find(NOBODY, repository, upload).size == 5


def test_session_that_is_cancelled_while_it_ends_does_one_of_both(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    repository = one.repository()

    def finish(upload: str, content: bytes) -> None:
        with closing(two.uploads.open(NOBODY, repository, upload)) as opened:
            opened.append(content)
            opened.finish(Digest.of(content))

    for number in range(ROUNDS):
        upload, content = one.uploads.start(NOBODY, repository).id, f"blob {number}".encode()
        cancelled, finished = at_once(
            partial(one.uploads.cancel, NOBODY, repository, upload), partial(finish, upload, content)
        )
        assert {type(cancelled), type(finished)} <= {type(None), BlobUploadUnknown}
        if finished is None:
            assert two.blobs.stat(repository, Digest.of(content)).size == len(content)


def test_project_that_is_deleted_while_somebody_pushes_leaves_nothing_behind(nodes: tuple[Node, Node]) -> None:
    one, two = nodes

    def push(repository: Repository) -> None:
        config = two.push_blob(repository, b"{}")
        content = image_manifest(config, 2, config, 2)
        two.manifests.push(NOBODY, repository, Reference.parse("1"), MANIFEST_TYPE, content)

    for number in range(ROUNDS):
        repository = two.repository(f"p{number}/app")
        deleted, pushed = at_once(partial(one.projects.delete, f"p{number}", force=True), partial(push, repository))
        assert not isinstance(deleted, RegistryError)
        assert pushed is None or isinstance(pushed, NameUnknown | BlobUploadUnknown | ManifestBlobUnknown), pushed
        with one.database.read() as tx:
            assert repositories.find(tx, f"p{number}/app") is None


def test_commit_whose_answer_is_lost_keeps_the_bytes_that_its_row_names(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.make_database()
    with wire_to(postgres.port) as wire, closing(Node(wire.address(url), tmp_path)) as node:
        repository = node.repository()
        upload = node.uploads.start(NOBODY, repository).id
        with closing(node.uploads.open(NOBODY, repository, upload)) as opened:
            opened.append(b"bytes")
            wire.loses_commits = True
            with pytest.raises(CommitUnknown):
                opened.finish(Digest.of(b"bytes"))
            wire.loses_commits = False
        with node.database.write() as tx:
            assert blobs.find(tx, str(Digest.of(b"bytes")))
        with closing(node.blobs.open(repository, Digest.of(b"bytes")).reader) as reader:
            assert reader.read(0, 9) == b"bytes"


# Starting


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_first_start_of_two_nodes_at_once_makes_one_administrator(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    config = Config(data=tmp_path / "data")
    if engine == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        config = Config(data=tmp_path / "data", database_url=server.make_database("template0"))
    found = at_once(partial(prepare, config), partial(prepare, config))
    assert sorted(map(type, found), key=str) == sorted([type(None), FirstStart], key=str)
    address = config.postgres_url or str(config.database_path)
    with closing(open_database(address)) as database, database.read() as tx:
        assert [user.name for user in users.list_all(tx)] == ["admin"]
    assert (engine == "postgres") is not (tmp_path / "data" / "cove.db").exists()
