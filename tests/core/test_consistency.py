"""Whatever people do, a check finds nothing: a game of pushes, deletions, restorations and clean-ups."""

import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from registry.core import cleaning
from registry.core.adoption import Adoption
from registry.core.checking import Check, Extent
from registry.core.cleaning import Cleaning, Rules
from registry.core.identity import accept
from registry.core.projects import Projects
from registry.core.repositories import Repositories, Repository
from registry.core.restoring import Restoring
from registry.errors import RegistryError
from registry.oci.bounds import Bounds
from registry.oci.names import Reference, RepositoryName
from storage.digest import Digest
from storage.disk import DiskStore
from storage.legacy_disk import LegacyDisk
from storage.metadata.database import Database
from tests.core.damages import NOBODY, World
from tests.core.images import image, index
from tests.core.legacy_trees import Tree
from tests.core.legacy_trees import image as old_image

LAYERS = [b"one", b"two", b"three"]
NAMES = ["app", "other"]
TAGS = ["v1", "v2"]

layers = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=2, unique=True)
names = st.sampled_from(NAMES)
tags = st.sampled_from(TAGS)


class Game(RuleBasedStateMachine):
    """Moves that are not possible at the moment are refused, and that is all right."""

    empty: ClassVar[Path]

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        root = Path(self.folder.name)
        shutil.copyfile(self.empty, root / "cove.db")
        self.database = Database.open(root / "cove.db")
        self.world = World(root, DiskStore(root), self.database)
        self.restoring = Restoring(self.database, sparse="none", clock=self.world.clock)
        for name in NAMES:
            self.push(name, TAGS[0], LAYERS, subject=False)

    def repository(self, name: str) -> Repository:
        return Repository(self.world.project, RepositoryName("team", name))

    @rule(name=names, tag=tags, contents=layers, subject=st.booleans())
    def push(self, name: str, tag: str, contents: list[bytes], subject: bool) -> None:
        where = self.repository(name)
        self.world.push_blob(b"{}", where)
        for content in contents:
            self.world.push_blob(content, where)
        manifest = image(b"{}", *contents, subject=image(b"{}", LAYERS[0]) if subject else None)
        self.world.push_manifest(tag, manifest, where)

    @rule(name=names, tag=tags, contents=layers)
    def push_index(self, name: str, tag: str, contents: list[bytes]) -> None:
        images = [image(b"{}", content) for content in contents]
        self.world.push_manifest(tag, index(*images), self.repository(name))

    @rule(name=names, content=st.sampled_from(LAYERS), source=names)
    def push_layer(self, name: str, content: bytes, source: str) -> None:
        target = self.repository(name)
        if not self.world.blobs.mount(NOBODY, target, Digest.of(content), RepositoryName("team", source)):
            self.world.push_blob(content, target)

    @rule(name=names)
    def leave_an_upload(self, name: str) -> None:
        where = self.repository(name)
        with closing(self.world.uploads.open(NOBODY, where, self.world.uploads.start(NOBODY, where).id)) as upload:
            upload.append(b"some")
            upload.save()

    @rule(name=names, tag=tags, content=st.sampled_from(LAYERS), what=st.sampled_from(["tag", "image", "all", "layer"]))
    def delete(self, name: str, tag: str, content: bytes, what: str) -> None:
        where = self.repository(name)
        with suppress(RegistryError):
            if what == "layer":
                self.world.blobs.delete(where, Digest.of(content))
            elif what == "all":
                Repositories(self.database, clock=self.world.clock).delete(NOBODY, where)
            else:
                digest = self.world.manifests.find(where, Reference.parse(tag)).digest
                self.world.manifests.delete(NOBODY, where, Reference.parse(tag if what == "tag" else digest))

    @rule(name=names, tag=tags, whole=st.booleans())
    def restore(self, name: str, tag: str, whole: bool) -> None:
        with suppress(RegistryError):
            if whole:
                self.restoring.restore_repository(NOBODY, self.repository(name), force=True)
            else:
                self.restoring.restore_tag(NOBODY, self.repository(name), tag)

    @rule()
    def delete_project(self) -> None:
        projects = Projects(self.database, self.world.store)
        projects.delete("team", force=True)
        self.world.project = projects.create("team")

    @rule(hours=st.sampled_from([2, 200]), untagged=st.booleans())
    def clean_up_later(self, hours: int, untagged: bool) -> None:
        self.world.ahead += hours * 3_600_000
        rules = Rules(untagged=3_600_000 if untagged else None)
        Cleaning(self.database, self.world.store, rules, clock=self.world.clock).run("test")

    @invariant()
    def is_as_it_should_be(self) -> None:
        assert self.world.findings(reads=True) == []

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()


@pytest.mark.slow
def test_check_finds_nothing_whatever_people_do(empty_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)
    run_state_machine_as_test(
        type("GameFromEmptyRecords", (Game,), {"empty": empty_records}),
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "cove.db")) as opened:
        opened.migrate()
        yield opened


def test_check_finds_nothing_in_an_adopted_registry(tmp_path: Path, database: Database) -> None:
    tree = Tree(tmp_path / "old")
    tree.push("team/app", "v1", b"layer")
    tree.push("team/app", "v2", b"layer", b"another")
    tree.push("app", "v1", b"layer")
    tree.layer("team/app", b"of no manifest")
    untagged = old_image(b"{}", b"layer", b"third")
    tree.layer("team/app", b"third")
    tree.manifest("team/app", untagged)
    assert Adoption(database, LegacyDisk(tree.root), manifest_limit=1 << 22).run().problems == []
    store = DiskStore(tree.root)
    accept(database, store)
    extent = Extent(reads=True, bounds=Bounds(), expiry_ms=3_600_000)
    report = Check(database, store, "here", extent).run()
    assert report.findings == []
    assert (report.manifests, report.tags, report.blobs) == (4, 3, 5)
