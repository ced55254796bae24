"""Storage of docker-distribution that is taken over where it lies, sound or damaged in every way."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.core import adoption
from registry.core.adoption import Adoption
from registry.core.legacy_files import AdoptionReport
from registry.core.projects import Projects
from registry.oci import media_types
from storage.clock import now_ms
from storage.digest import Digest
from storage.disk import DiskStore
from storage.legacy import NotLegacyStorage, blob_location
from storage.legacy_disk import LegacyDisk, find_root
from storage.metadata import blobs, manifests, projects, repositories, tag_changes, tags, tombstones
from storage.metadata.blobs import BlobRecord
from storage.metadata.database import Database
from tests.core.legacy_trees import LAYER_TYPE, Tree, date, descriptor, image, index
from tests.storage.pushes import content_of, put

LIMIT = 4_393_216


@dataclass
class World:
    """A registry whose blobs are in the folder of the old storage."""

    tree: Tree
    database: Database
    store: DiskStore

    def adopt(self, *, verify: bool = False, limit: int = LIMIT) -> AdoptionReport:
        return Adoption(self.database, LegacyDisk(self.tree.root), manifest_limit=limit, verify=verify).run()

    def tags(self, repository: str) -> dict[str, str]:
        """Tags of a repository and the digests that they name."""
        with self.database.read() as tx:
            row = repositories.find(tx, repository)
            if row is None:
                return {}
            found = {}
            for name in tags.list_names(tx, row.id, after="", count=10_000):
                record = manifests.find_by_tag(tx, row.id, name)
                assert record
                found[name] = record.digest
            return found

    def manifest(self, repository: str, content: bytes) -> bytes | None:
        """The manifest with the digest of `content`, as the repository has it."""
        with self.database.read() as tx:
            row = repositories.find(tx, repository)
            record = manifests.find(tx, row.id, str(Digest.of(content))) if row else None
            return manifests.content(tx, record.id) if record else None

    def blob(self, repository: str, content: bytes) -> BlobRecord | None:
        with self.database.read() as tx:
            row = repositories.find(tx, repository)
            return blobs.find_linked(tx, row.id, str(Digest.of(content))) if row else None

    def project_names(self) -> list[str]:
        with self.database.read() as tx:
            return [project.name for project in projects.list_all(tx)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    tree = Tree(tmp_path / "old")
    tree.repositories.mkdir(parents=True)
    yield World(tree, database, DiskStore(tree.root))
    database.close()


@pytest.fixture
def tree(world: World) -> Tree:
    return world.tree


def digest(content: bytes) -> str:
    return str(Digest.of(content))


def problem(report: AdoptionReport) -> tuple[str, str]:
    """Path and sentence of the only problem."""
    [found] = report.problems
    return found.path, found.what


def below(tree: Tree, file: Path) -> str:
    return str(file.relative_to(tree.root))


def test_image_is_adopted_byte_for_byte_and_its_blobs_stay_where_they_are(world: World, tree: Tree) -> None:
    content = tree.push("team/app", "1", b"layer")
    before = tree.snapshot()
    report = world.adopt()
    assert report.problems == []
    assert (report.projects, report.repositories, report.manifests, report.tags) == (1, 1, 1, 1)
    assert (report.blobs, report.bytes) == (2, len(b"{}layer"))
    assert world.tags("team/app") == {"1": digest(content)}
    assert world.manifest("team/app", content) == content
    blob = world.blob("team/app", b"layer")
    assert blob
    assert (blob.size, blob.location) == (5, blob_location(Digest.of(b"layer")))
    assert content_of(world.store, blob.location) == b"layer"
    assert tree.snapshot() == before


def test_project_that_is_made_is_private(world: World, tree: Tree) -> None:
    tree.push("team/app", "1")
    report = world.adopt()
    [team] = Projects(world.database, world.store).list()
    assert not team.is_public
    assert report.public_projects == set()


def test_project_that_exists_stays_as_it_is_and_is_named_when_it_is_public(world: World, tree: Tree) -> None:
    Projects(world.database, world.store).create("team", public=True)
    tree.push("team/app", "1")
    report = world.adopt()
    assert report.projects == 0
    assert report.public_projects == {"team"}


def test_repository_without_a_project_goes_into_library(world: World, tree: Tree) -> None:
    content = tree.push("app", "1")
    world.adopt()
    assert world.tags("library/app") == {"1": digest(content)}


def test_repository_of_the_same_name_in_library_wins_where_the_two_differ(world: World, tree: Tree) -> None:
    ours, theirs = tree.push("library/app", "1", b"ours"), tree.push("app", "1", b"theirs")
    same, other = tree.push("app", "2", b"2"), tree.push("app", "3", b"3")
    tree.push("library/app", "2", b"2")
    report = world.adopt()
    assert world.tags("library/app") == {"1": digest(ours), "2": digest(same), "3": digest(other)}
    assert world.manifest("library/app", theirs) == theirs
    path, what = problem(report)
    assert path == below(tree, tree.repositories / "app/_manifests/tags/1/current/link")
    assert "repositories/library/app/_manifests/tags/1/current/link is the same tag here" in what


@pytest.mark.parametrize(
    "name", ["Team/app", "team/App", "my__org/app", "team/a b", "team/-a", "team/a\udcff", "te..am/x"]
)
def test_repository_whose_name_is_not_valid_is_reported_and_others_go_on(world: World, tree: Tree, name: str) -> None:
    tree.push(name, "1")
    content = tree.push("team/app", "1")
    path, what = problem(world.adopt())
    assert path == f"docker/registry/v2/repositories/{name}"
    assert "was left out" in what
    assert world.tags("team/app") == {"1": digest(content)}
    assert world.project_names() == ["team"]


def test_folders_deeper_than_a_name_can_be_are_reported_and_not_entered(world: World, tree: Tree) -> None:
    folder = tree.repositories.joinpath("a" * 200, "b" * 60)
    folder.mkdir(parents=True)
    path, what = problem(world.adopt())
    assert path == below(tree, folder)
    assert "too long" in what


def test_symbolic_link_to_a_repository_is_reported_and_not_followed(world: World, tree: Tree) -> None:
    tree.push("team/app", "1")
    tree.repositories.joinpath("other").symlink_to(tree.repositories / "team")
    path, what = problem(world.adopt())
    assert path == "docker/registry/v2/repositories/other"
    assert "symbolic link" in what
    assert world.project_names() == ["team"]


def test_folders_and_files_that_are_no_repositories_are_passed_over(world: World, tree: Tree) -> None:
    tree.repositories.joinpath("lost+found").mkdir()
    tree.repositories.joinpath("team", "app", "_uploads", "1").mkdir(parents=True)
    tree.repositories.joinpath("notes.txt").touch()
    assert world.adopt() == AdoptionReport()


def test_index_and_its_children_are_adopted(world: World, tree: Tree) -> None:
    children = [tree.push("team/app", "amd64", b"a"), tree.push("team/app", "arm64", b"b")]
    content = index(*children)
    tree.manifest("team/app", content)
    tree.tag("team/app", "all", content)
    assert world.adopt().problems == []
    assert world.tags("team/app")["all"] == digest(content)
    assert world.manifest("team/app", content) == content


def test_two_repositories_share_a_blob_that_is_adopted_once(world: World, tree: Tree) -> None:
    tree.push("team/a", "1", b"shared")
    tree.push("team/b", "1", b"shared")
    report = world.adopt()
    assert report.blobs == 2
    first, second = world.blob("team/a", b"shared"), world.blob("team/b", b"shared")
    assert first
    assert first == second


def test_blob_that_is_here_already_keeps_its_place(world: World, tree: Tree) -> None:
    location = put(world.store, b"layer")
    with world.database.write() as tx:
        blobs.add(tx, digest(b"layer"), 5, location, 1)
    tree.push("team/app", "1", b"layer")
    damage_by_flipping(tree.file(Digest.of(b"layer")))
    report = world.adopt(verify=True)
    assert (report.blobs, report.problems) == (1, [])
    blob = world.blob("team/app", b"layer")
    assert blob
    assert blob.location == location


def test_sha512_is_as_good(world: World, tree: Tree) -> None:
    layer, content = Digest.of(b"layer", "sha512"), b""
    entry = {"mediaType": LAYER_TYPE, "digest": str(layer), "size": 5}
    content = image(b"{}", layers=[entry])
    tree.blob(b"layer", "sha512")
    tree.blob(content, "sha512")
    tree.blob(b"{}")
    tree.link("team/app/_manifests/revisions", Digest.of(content, "sha512"))
    report = world.adopt()
    assert report.problems == []
    assert (report.manifests, report.blobs) == (1, 2)


def test_referrers_are_found_by_their_subject_and_by_the_tag_that_old_clients_made(world: World, tree: Tree) -> None:
    subject = tree.push("team/app", "1")
    signature = image(b"{}", subject=descriptor(subject, media_types.OCI_MANIFEST))
    listing = index(signature)
    for content in (signature, listing):
        tree.manifest("team/app", content)
    fallback = digest(subject).replace(":", "-")
    tree.tag("team/app", fallback, listing)
    assert world.adopt().problems == []
    assert world.tags("team/app")[fallback] == digest(listing)
    with world.database.read() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        found = list(manifests.list_referrers(tx, row.id, digest(subject), artifact_types=[], after="", count=10))
    assert [referrer.digest for referrer in found] == [digest(signature)]


def test_second_run_finds_everything_here(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    world.adopt()
    report = world.adopt()
    assert report == AdoptionReport(manifests_before=1, tags_before=1)


def test_run_after_more_pushes_adds_what_is_new_and_moves_tags_that_moved(world: World, tree: Tree) -> None:
    old = tree.push("team/app", "1", b"old")
    tree.push("team/app", "stays", b"old")
    for tag in ("1", "stays"):
        date(tree.tag("team/app", tag, old), 1000)
    world.adopt()
    new = tree.push("team/app", "1", b"new")
    tree.push("team/app", "2", b"new")
    report = world.adopt()
    assert (report.manifests, report.tags, report.tags_moved, report.blobs) == (1, 1, 1, 1)
    assert (report.manifests_before, report.tags_before, report.tags_kept) == (1, 1, 0)
    assert world.tags("team/app") == {"1": digest(new), "2": digest(new), "stays": digest(old)}


def test_tag_that_was_pushed_here_later_stays(world: World, tree: Tree) -> None:
    first, second = tree.push("team/app", "1", b"old"), tree.push("team/app", "2", b"new")
    world.adopt()
    with world.database.write() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        target = manifests.find(tx, row.id, digest(second))
        assert target
        tags.point(tx, row.id, "1", target.id, now_ms() + 1)
    report = world.adopt()
    assert (report.tags_kept, report.tags_moved, report.tags_before) == (1, 0, 1)
    assert world.tags("team/app")["1"] == digest(second) != digest(first)


def test_tag_that_was_moved_at_the_time_of_the_link_before_follows(world: World, tree: Tree) -> None:
    """As in S3, which tells times by the second."""
    first, second = tree.push("team/app", "1", b"old"), tree.push("team/app", "2", b"new")
    date(tree.tag("team/app", "1", first), 3000)
    world.adopt()
    date(tree.tag("team/app", "1", second), 3000)
    assert world.adopt().tags_moved == 1
    assert world.tags("team/app")["1"] == digest(second)


def test_tag_whose_link_is_of_the_future_can_still_be_moved(world: World, tree: Tree) -> None:
    first, second = tree.push("team/app", "1", b"old"), tree.push("team/app", "2", b"new")
    future = now_ms() + 10**9
    date(tree.tag("team/app", "1", first), future)
    Adoption(world.database, LegacyDisk(tree.root), manifest_limit=LIMIT, clock=lambda: 5000).run()
    date(tree.tag("team/app", "1", second), future)
    assert world.adopt().tags_moved == 1
    assert world.tags("team/app")["1"] == digest(second)


def test_what_was_deleted_in_the_old_registry_is_not_adopted(world: World, tree: Tree) -> None:
    kept = tree.push("team/app", "kept", b"kept")
    gone = tree.push("team/app", "gone", b"gone")
    tree.manifest("team/app", gone).unlink()
    tree.tag("team/app", "gone", gone).unlink()
    tree.layer("team/app", b"gone").unlink()
    assert world.adopt().problems == []
    assert world.tags("team/app") == {"kept": digest(kept)}
    assert world.manifest("team/app", gone) is None
    assert world.blob("team/app", b"gone") is None


def test_layers_that_no_manifest_names_are_linked_while_they_are_there(world: World, tree: Tree) -> None:
    tree.push("team/app", "1")
    tree.layer("team/app", b"loose")
    tree.layer("team/app", b"collected")
    tree.file(Digest.of(b"collected")).unlink()
    assert world.adopt().problems == []
    assert world.blob("team/app", b"loose")
    assert world.blob("team/app", b"collected") is None


def test_repository_of_which_only_links_are_left_is_not_made(world: World, tree: Tree) -> None:
    tree.layer("gone/app", b"collected")
    tree.file(Digest.of(b"collected")).unlink()
    assert world.adopt() == AdoptionReport()
    assert world.project_names() == []


def damage_by_flipping(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)


def damage_by_cutting(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def damage_by_emptying(file: Path) -> None:
    os.truncate(file, 0)


def damage_by_removing(file: Path) -> None:
    file.unlink()


def damage_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def damage_by_a_symbolic_link(file: Path) -> None:
    moved = file.rename(file.with_name("moved"))
    file.symlink_to(moved)


DAMAGES = [
    damage_by_flipping,
    damage_by_cutting,
    damage_by_emptying,
    damage_by_removing,
    damage_by_a_folder,
    damage_by_a_symbolic_link,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_manifest_is_left_out_with_its_tags_and_others_go_on(
    world: World, tree: Tree, damage: Callable[[Path], None]
) -> None:
    bad, good = tree.push("team/app", "bad", b"bad"), tree.push("team/app", "good", b"good")
    damage(tree.file(Digest.of(bad)))
    report = world.adopt()
    assert [found.path for found in report.problems] == [
        below(tree, tree.link("team/app/_manifests/revisions", Digest.of(bad))),
        below(tree, tree.tag("team/app", "bad", bad)),
    ]
    assert all("was left out" in found.what for found in report.problems)
    assert world.tags("team/app") == {"good": digest(good)}


def test_manifest_in_the_place_of_another_is_left_out(world: World, tree: Tree) -> None:
    link = tree.manifest("team/app", image(b"{}"))
    tree.file(Digest.of(image(b"{}"))).write_bytes(image(b"other"))
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert "its content is damaged" in what


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"schemaVersion": 1, "name": "team/app", "tag": "1"}', "schema 1"),
        (b'{"schemaVersion": 2, "mediaType": "application/x-other"}', "is not the media type of a manifest"),
        (b'{"schemaVersion": 2}', "is not the media type of a manifest"),
        (b"[]", "is not a JSON object"),
        (b"no JSON", "is not JSON"),
        (image(b"{}", manifests=[]), "cannot have 'manifests'"),
    ],
)
def test_manifest_that_a_push_would_be_refused_for_is_left_out(
    world: World, tree: Tree, content: bytes, reason: str
) -> None:
    link = tree.manifest("team/app", content)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert reason in what
    assert world.project_names() == []


def test_manifest_larger_than_the_limit_is_left_out(world: World, tree: Tree) -> None:
    tree.push("team/app", "1")
    content = image(b"{}", annotations={"a": "x" * 1000})
    link = tree.manifest("team/app", content)
    path, what = problem(world.adopt(limit=len(content) - 1))
    assert path == below(tree, link)
    assert f"has {len(content)} bytes, more than {len(content) - 1}" in what
    assert world.adopt(limit=len(content)).manifests == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a link"),
        (b"sha256:123", "is not a link"),
        (b"\xff" * 71, "is not a link"),
        (b"sha384:" + b"0" * 96, "is not a link"),
        (b"x" * 1000, "is not a link"),
        (digest(b"other").encode(), "not what its folder says"),
    ],
)
def test_damaged_link_to_a_manifest_is_reported_and_others_go_on(
    world: World, tree: Tree, content: bytes, reason: str
) -> None:
    good = tree.push("team/app", "1", b"good")
    link = tree.manifest("team/app", image(b"{}"))
    link.write_bytes(content)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert reason in what
    assert world.tags("team/app") == {"1": digest(good)}


def test_huge_file_in_the_place_of_a_link_is_not_read(world: World, tree: Tree) -> None:
    link = tree.manifest("team/app", image(b"{}"))
    os.truncate(link, 1 << 40)
    assert problem(world.adopt()) == (below(tree, link), "is not a link")


@pytest.mark.parametrize(
    "damage", [damage_by_cutting, damage_by_emptying, damage_by_a_folder, damage_by_a_symbolic_link]
)
def test_damaged_link_of_a_tag_is_reported_and_others_go_on(
    world: World, tree: Tree, damage: Callable[[Path], None]
) -> None:
    content = tree.push("team/app", "1")
    link = tree.tag("team/app", "2", content)
    damage(link)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert "is not a link" in what
    assert world.tags("team/app") == {"1": digest(content)}


def test_damaged_link_to_a_layer_is_reported_and_the_manifest_that_needs_it_has_it(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    link = tree.layer("team/app", b"layer")
    link.write_bytes(b"")
    path, _ = problem(world.adopt())
    assert path == below(tree, link)
    assert world.blob("team/app", b"layer")


@pytest.mark.parametrize("folder", ["_layers", "_manifests", "_manifests/tags", "_layers/sha256"])
def test_file_in_place_of_a_folder_is_passed_over_or_reported_and_others_go_on(
    world: World, tree: Tree, folder: str
) -> None:
    tree.layer("bad/app", b"loose")
    place = tree.repositories / "bad" / "app" / folder
    place.parent.mkdir(exist_ok=True)
    if place.is_dir():
        place.rename(place.with_name("moved"))
    place.touch()
    content = tree.push("team/app", "1")
    report = world.adopt()
    assert all(found.path.startswith("docker/registry/v2/repositories/bad/app/") for found in report.problems)
    assert world.tags("team/app") == {"1": digest(content)}


def test_tag_that_is_no_tag_is_reported(world: World, tree: Tree) -> None:
    content = tree.push("team/app", "1")
    link = tree.tag("team/app", "-1", content)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert "is not a tag" in what


def test_tag_of_a_manifest_that_is_not_in_the_repository_is_reported(world: World, tree: Tree) -> None:
    content = tree.push("team/app", "1", b"layer")
    link = tree.tag("team/other", "1", content)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert "is no manifest that was adopted" in what
    assert world.tags("team/other") == {}


def test_image_that_lacks_a_layer_is_kept_and_reported(world: World, tree: Tree) -> None:
    content = tree.push("team/app", "1", b"layer")
    tree.file(Digest.of(b"layer")).unlink()
    path, what = problem(world.adopt())
    assert path == below(tree, tree.link("team/app/_manifests/revisions", Digest.of(content)))
    assert what == f"was adopted but lacks blob {digest(b'layer')} of 5 bytes"
    assert world.tags("team/app") == {"1": digest(content)}


def test_index_that_lacks_a_child_is_kept_and_reported(world: World, tree: Tree) -> None:
    child = image(b"{}")
    content = index(child)
    link = tree.manifest("team/app", content)
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert what == f"was adopted but lacks manifest {digest(child)} of {len(child)} bytes"
    assert world.manifest("team/app", content) == content


def test_layer_that_was_lost_is_adopted_by_the_run_after_it_was_pushed_again(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    tree.file(Digest.of(b"layer")).unlink()
    world.adopt()
    tree.blob(b"layer")
    report = world.adopt()
    assert (report.problems, report.blobs) == ([], 1)


def test_layer_that_clients_fetch_elsewhere_is_not_missed(world: World, tree: Tree) -> None:
    foreign = descriptor(
        b"base", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=["https://example.com/base"]
    )
    tree.blob(b"{}")
    tree.manifest("team/app", image(b"{}", layers=[foreign]))
    assert world.adopt().problems == []


def test_naming_a_blob_of_another_repository_as_fetched_elsewhere_does_not_give_it_away(
    world: World, tree: Tree
) -> None:
    tree.push("secret/app", "1", b"secret")
    claim = descriptor(b"secret", urls=["https://example.com/"])
    tree.blob(b"{}")
    tree.manifest("team/app", image(b"{}", layers=[claim]))
    tree.manifest("own/app", image(b"{}", layers=[claim]))
    tree.layer("own/app", b"secret")
    world.adopt()
    assert world.blob("team/app", b"secret") is None
    assert world.blob("own/app", b"secret")


@pytest.mark.parametrize("damage", [damage_by_cutting, damage_by_emptying])
def test_blob_that_was_cut_short_is_left_out_everywhere_so_that_a_push_mends_it(
    world: World, tree: Tree, damage: Callable[[Path], None]
) -> None:
    content = tree.push("team/app", "1", b"layer")
    tree.layer("another/app", b"layer")
    damage(tree.file(Digest.of(b"layer")))
    report = world.adopt()
    assert [(found.path, found.what.partition(":")[0]) for found in report.problems] == [
        (blob_location(Digest.of(b"layer")), "cannot be used"),
        (
            below(tree, tree.link("team/app/_manifests/revisions", Digest.of(content))),
            "was adopted but lacks blob sha256",
        ),
    ]
    assert world.blob("team/app", b"layer") is None
    assert world.blob("another/app", b"layer") is None


def test_emptied_blob_that_no_manifest_names_is_left_out(world: World, tree: Tree) -> None:
    tree.push("team/app", "1")
    tree.layer("team/app", b"loose")
    damage_by_emptying(tree.file(Digest.of(b"loose")))
    path, _ = problem(world.adopt())
    assert path == blob_location(Digest.of(b"loose"))
    assert world.blob("team/app", b"loose") is None


def test_blob_that_is_empty_by_its_digest_is_adopted(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"")
    assert world.adopt().problems == []
    assert world.blob("team/app", b"")


def test_manifest_that_tells_a_wrong_size_is_kept_and_reported_and_the_blob_is_sound(world: World, tree: Tree) -> None:
    tree.layer("team/app", b"layer")
    tree.layer("team/app", b"{}")
    link = tree.manifest("team/app", image(b"{}", layers=[descriptor(b"layer") | {"size": 6}]))
    path, what = problem(world.adopt())
    assert path == below(tree, link)
    assert what == f"was adopted but says that {digest(b'layer')} has 6 bytes; it has 5"
    blob = world.blob("team/app", b"layer")
    assert blob
    assert blob.size == 5


def test_changed_byte_in_a_blob_is_found_by_verifying_only(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    tree.layer("team/app", b"loose")
    damage_by_flipping(tree.file(Digest.of(b"layer")))
    damage_by_flipping(tree.file(Digest.of(b"loose")))
    report = world.adopt(verify=True)
    assert [found.path for found in report.problems if "cannot be used" in found.what] == [
        blob_location(Digest.of(b"layer")),
        blob_location(Digest.of(b"loose")),
    ]
    assert report.bytes_read == len(b"{}layerloose")
    assert world.blob("team/app", b"loose") is None
    assert world.adopt().blobs == 2


def test_verifying_later_reports_what_was_adopted_damaged(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    damage_by_flipping(tree.file(Digest.of(b"layer")))
    assert world.adopt().problems == []
    path, what = problem(world.adopt(verify=True))
    assert path == blob_location(Digest.of(b"layer"))
    assert "is damaged" in what


def test_file_that_is_about_to_be_deleted_is_not_adopted_again(world: World, tree: Tree) -> None:
    tree.push("team/app", "1", b"layer")
    with world.database.write() as tx:
        tombstones.add(tx, blob_location(Digest.of(b"layer")), 1)
    _, what = problem(world.adopt())
    assert what == f"was adopted but lacks blob {digest(b'layer')} of 5 bytes"


def test_images_are_as_old_here_as_in_the_old_registry(world: World, tree: Tree) -> None:
    content = tree.push("team/app", "1")
    date(tree.manifest("team/app", content), 2000)
    date(tree.tag("team/app", "1", content), 3000)
    world.adopt()
    with world.database.read() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        assert tags.find_many(tx, row.id, ["1"])["1"].updated_at == 3000
        assert tx.exec_driver_sql("SELECT created_at FROM manifests").scalar_one() == 2000
        [change] = tag_changes.list_newest(tx, row.id, "1", 9)
        assert (change.digest, change.user_name, change.changed_at) == (digest(content), None, 3000)


def test_old_image_without_a_tag_counts_as_untagged_from_its_adoption_on(world: World, tree: Tree) -> None:
    content = image(b"{}")
    tree.layer("team/app", b"{}")
    date(tree.manifest("team/app", content), 2000)
    before = now_ms()
    world.adopt()
    with world.database.read() as tx:
        assert tx.exec_driver_sql("SELECT untagged_at FROM manifests").scalar_one() >= before


def test_everything_is_adopted_over_many_transactions(
    world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "ROWS", 2)
    monkeypatch.setattr(adoption, "IMAGES", 2)
    pushed = {str(number): digest(tree.push("team/app", str(number), b"%d" % number)) for number in range(5)}
    for number in range(5):
        tree.layer("team/app", b"loose %d" % number)
    seen: list[int] = []
    report = Adoption(
        world.database,
        LegacyDisk(tree.root),
        manifest_limit=LIMIT,
        progress=lambda report: seen.append(report.manifests),
    ).run()
    assert (report.manifests, report.tags, report.blobs, report.problems) == (5, 5, 11, [])
    assert world.tags("team/app") == pushed
    assert seen[:3] == [2, 4, 5]


def test_large_manifests_fill_a_transaction_sooner(world: World, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(tree.push("team/app", str(number), b"%d" % number)) for number in range(5)]
    assert len(set(sizes)) == 1
    seen: list[int] = []
    for limit in (1, 2 * sizes[0]):
        monkeypatch.setattr(adoption, "IMAGE_BYTES", limit)
        seen.clear()
        Adoption(
            world.database,
            LegacyDisk(tree.root),
            manifest_limit=LIMIT,
            progress=lambda report: seen.append(report.manifests + report.manifests_before),
        ).run()
        assert seen[:3] == ([1, 2, 3] if limit == 1 else [2, 4, 5])


@pytest.mark.parametrize("inside", ["", "docker", "docker/registry", "docker/registry/v2", "docker/../docker"])
def test_storage_is_found_by_any_of_its_folders(tree: Tree, inside: str) -> None:
    root = tree.root / "docker" / ".." if inside == "docker/../docker" else tree.root
    assert find_root(root / inside) == tree.root


@pytest.mark.parametrize("place", [".", "docker/registry/v2/repositories", "docker/registry/v2/blobs"])
def test_other_folder_is_not_taken_for_storage(tree: Tree, place: str) -> None:
    folder = tree.root.parent if place == "." else tree.root / place
    with pytest.raises(NotLegacyStorage, match="is not the storage of a registry"):
        find_root(folder)


@pytest.mark.slow
def test_a_thousand_tags_are_adopted(world: World, tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1000):
        tree.push(f"team/app-{number % 10}", f"v{number}", b"base", b"middle", b"layer %d" % number)
    began = time.monotonic()
    report = world.adopt()
    first = time.monotonic() - began
    world.adopt()
    with capsys.disabled():
        print(f"\n1,000 tags: {first:.1f} s, and again: {time.monotonic() - began - first:.1f} s")  # noqa: T201 -- for people
    assert (report.tags, report.manifests, report.blobs, report.problems) == (1000, 1000, 1003, [])
