"""Whatever is done to projects, in any order: their use is what a simple model says, and never grows beyond a limit."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import cleaning
from registry.errors import ManifestBlobUnknown, RegistryError, Unsupported
from storage.digest import Digest
from storage.disk import DiskStore
from tests.core.images import image
from tests.core.quota_worlds import World, refusal
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database

Place = tuple[int, str]  # a repository: the number of its project, and its name
Kept = set[tuple[Place, bytes]]

NUMBERS = count()


class Model:
    """Two projects: which blobs and which manifests their repositories have, deleted ones too."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = [f"p{next(NUMBERS)}", f"p{next(NUMBERS)}"]
        self.quotas: list[int | None] = [None, None]
        for name in self.names:
            world.projects.create(name)
        self.links: Kept = set()
        self.live: Kept = set()
        self.deleted: Kept = set()
        self.named: dict[bytes, tuple[bytes, ...]] = {}

    def full(self, place: Place) -> str:
        return f"{self.names[place[0]]}/{place[1]}"

    def used(self, project: int) -> int:
        distinct = {blob for place, blob in self.links if place[0] == project}
        stored = [manifest for place, manifest in self.live | self.deleted if place[0] == project]
        return sum(map(len, distinct)) + sum(map(len, stored))

    def add(self, kept: Kept, place: Place, added: bytes, work: Callable[[], object]) -> None:
        """Do the work, which is to be refused just when what it adds does not fit."""
        before, quota, was_there = self.used(place[0]), self.quotas[place[0]], (place, added) in kept
        kept.add((place, added))
        fits = quota is None or self.used(place[0]) <= max(before, quota)
        if not fits and not was_there:
            kept.discard((place, added))
        assert (refusal(work) is None) == fits

    def push(self, place: Place, blob: bytes) -> None:
        self.add(self.links, place, blob, partial(self.world.push, self.full(place), blob))

    def mount(self, place: Place, blob: bytes, source: Place) -> None:
        work = partial(self.world.mount, self.full(place), blob, self.full(source))
        if (source, blob) in self.links:
            self.add(self.links, place, blob, work)
        else:
            assert not work()

    def push_manifest(self, place: Place, blobs: tuple[bytes, ...]) -> None:
        manifest = image(*blobs)
        work = partial(self.world.push_manifest, self.full(place), "latest", manifest)
        self.named[manifest] = blobs
        if not all((place, blob) in self.links for blob in blobs):
            with pytest.raises(ManifestBlobUnknown):
                work()
        elif (place, manifest) in self.deleted:
            work()
            self.deleted.discard((place, manifest))
            self.live.add((place, manifest))
        else:
            self.add(self.live, place, manifest, work)

    def push_image(self, place: Place, blobs: tuple[bytes, ...]) -> None:
        for blob in blobs:
            self.push(place, blob)
        self.push_manifest(place, blobs)

    def delete_manifest(self, place: Place, blobs: tuple[bytes, ...]) -> None:
        manifest = image(*blobs)
        work = partial(self.world.delete, self.full(place), Digest.of(manifest))
        if (place, manifest) in self.live:
            work()
            self.live.discard((place, manifest))
            self.deleted.add((place, manifest))
        else:
            with pytest.raises(RegistryError):
                work()

    def delete_blob(self, place: Place, blob: bytes) -> None:
        work = partial(self.world.blobs.delete, self.world.repository(self.full(place)), Digest.of(blob))
        is_needed = any(blob in self.named[manifest] for where, manifest in self.live if where == place)
        if (place, blob) not in self.links or is_needed:
            with pytest.raises(Unsupported if is_needed else RegistryError):
                work()
        else:
            work()
            self.links.discard((place, blob))

    def limit(self, project: int, room: int | None) -> None:
        """Leave so much room; where it is negative the project is beyond its limit at once."""
        self.quotas[project] = None if room is None else max(self.used(project) + room, 1)
        self.world.limit(self.quotas[project], self.names[project])

    def clean(self) -> None:
        self.world.clean()
        self.deleted.clear()
        self.links &= {(place, blob) for place, manifest in self.live for blob in self.named[manifest]}

    def make_anew(self, project: int) -> None:
        self.world.projects.delete(self.names[project], force=True)
        self.world.projects.create(self.names[project])
        self.quotas[project] = None
        for kept in (self.links, self.live, self.deleted):
            kept -= {each for each in kept if each[0][0] == project}

    def check(self) -> None:
        for project, name in enumerate(self.names):
            assert self.world.used(name) == self.used(project)

    def end(self) -> None:
        for name in self.names:
            self.world.projects.delete(name, force=True)
        self.world.clean()


place = st.sampled_from([(0, "a"), (0, "b"), (1, "a")])
project = st.sampled_from([0, 1])
blob = st.sampled_from([b"a", b"b" * 40, b"c" * 900])
blobs = st.sampled_from([(b"a",), (b"a", b"c" * 900), (b"b" * 40, b"c" * 900)])
room = st.none() | st.integers(-100, 1500)


def doing(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(st.just(name), *arguments)


# What happens more often stands here more often.
operation = st.one_of(
    doing("push", place, blob),
    doing("push", place, blob),
    doing("push_image", place, blobs),
    doing("push_image", place, blobs),
    doing("push_manifest", place, blobs),
    doing("mount", place, blob, place),
    doing("delete_manifest", place, blobs),
    doing("delete_manifest", place, blobs),
    doing("delete_blob", place, blob),
    doing("limit", project, room),
    doing("limit", project, room),
    doing("clean"),
    doing("make_anew", project),
)


def play(world: World, *, games: int, steps: int) -> None:
    @settings(max_examples=games)
    @given(st.lists(operation, min_size=steps, max_size=steps))
    def game(operations: list[tuple[str, ...]]) -> None:
        model = Model(world)
        for name, *arguments in operations:
            getattr(model, name)(*arguments)
            model.check()
        model.end()

    game()


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with closing(open_database(server.make_database() if server else str(tmp_path / "cove.db"))) as database:
        database.migrate()
        yield World(database, DiskStore(tmp_path / "store"))


def test_use_follows_whatever_is_done(world: World) -> None:
    play(world, games=4, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_use_follows_whatever_is_done_for_long(world: World) -> None:
    play(world, games=10, steps=50)
