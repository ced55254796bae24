"""Storage of docker-distribution in a bucket: adopted as it would be from a folder, with few requests."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import boto3.session
import pytest

from registry.core.adoption import Adoption
from registry.core.legacy_files import AdoptionReport, Problem
from storage import s3_buckets
from storage.blobs import StoreUnavailable
from storage.digest import Digest
from storage.legacy import REPOSITORIES, LegacyMedium, NotLegacyStorage, blob_location
from storage.legacy_disk import LegacyDisk
from storage.metadata.database import Database
from storage.s3_buckets import Bucket
from storage.s3_legacy import LegacyBucket, find_bucket
from storage.s3_options import S3Options
from storage.stores import open_legacy
from tests.core.legacy_trees import LAYER_TYPE, Tree, descriptor, image, index
from tests.storage import s3_server
from tests.storage.s3_server import BUCKET, Proxy, S3Server, proxy_before
from tests.torture.amounts import some

LIMIT = 4_393_216


# What is here now, without what depends on the order or the time of adopting.
_ROWS = {
    "blobs": "SELECT digest, size, location FROM blobs ORDER BY 1",
    "manifests": """SELECT repositories.name, digest, media_type, content
        FROM manifests JOIN repositories ON repository_id = repositories.id ORDER BY 1, 2""",
    "tags": """SELECT repositories.name, tags.name, digest
        FROM tags JOIN manifests ON manifest_id = manifests.id
        JOIN repositories ON tags.repository_id = repositories.id ORDER BY 1, 2""",
}


@dataclass
class Old:
    """An old registry's storage: made in a folder, `tree`, and put into a bucket from there."""

    tree: Tree
    s3: S3Server
    proxy: Proxy
    prefix: str
    database: Database

    def upload(self, prefix: str | None = None) -> LegacyBucket:
        """Put the storage into the bucket, and find it there."""
        prefix = prefix or self.prefix
        with closing(boto3.session.Session().client("s3", endpoint_url=self.s3.endpoint)) as client:
            for file in sorted(self.tree.root.rglob("*")):
                if file.is_file():
                    key = f"{prefix}/{file.relative_to(self.tree.root)}"
                    client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        return self.find(prefix)

    def find(self, prefix: str | None = None) -> LegacyBucket:
        options = S3Options(endpoint=self.proxy.endpoint, timeout_seconds=5)
        found = find_bucket(Bucket(BUCKET, prefix or self.prefix, options))
        self.proxy.requests.clear()
        return found

    def adopt(self, medium: LegacyMedium) -> AdoptionReport:
        return Adoption(self.database, medium, manifest_limit=LIMIT).run()

    def tags(self) -> dict[str, str]:
        """Digests by repository and tag."""
        return {f"{repository}:{tag}": digest for repository, tag, digest in rows(self.database)["tags"]}


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as tx:
        return {name: [tuple(row) for row in tx.exec_driver_sql(query)] for name, query in _ROWS.items()}


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    with closing(Database.open(path)) as database:
        database.migrate()
        yield database


@pytest.fixture
def old(s3: S3Server, tmp_path: Path) -> Iterator[Old]:
    tree = Tree(tmp_path / "old")
    with proxy_before(s3.endpoint) as proxy, opened(tmp_path / "cove.db") as database:
        yield Old(tree, s3, proxy, f"adopted/{tmp_path.name}", database)


def test_images_are_adopted_where_they_are(old: Old) -> None:
    content = old.tree.push("team/app", "1", b"layer")
    assert old.adopt(old.upload()).problems == []
    assert old.tags() == {"team/app:1": str(Digest.of(content))}
    digest = Digest.of(b"layer")
    assert (str(digest), 5, blob_location(digest)) in rows(old.database)["blobs"]


def make_everything(tree: Tree) -> None:
    """Storage with what is sound and what is not, as far as a bucket can have it."""
    for name in (
        "team/app",
        "team/app/deep",
        "app",
        "library/app",
        "team-2/a",
        "Team/Upper",
        "x/" * 130 + "y",
        "a/" * 40 + "b",
    ):
        tree.push(name, "1", b"layer", name.encode())
    tree.push("team/app", "2", b"layer", b"other")
    tree.manifest("team/app", index(image(b"{}", b"layer"), annotations={"a": "b"}))
    tree.layer("team/app", b"loose")
    tree.layer("team/app", b"")
    tree.tag("team/app", "no tag!", b"nothing")
    tree.tag("team/app", "dangling", b"nothing")
    tree.tag("team/app", "damaged", b"nothing").write_bytes(b"sha256:damaged")
    tree.tag("team/app", "line", image(b"{}", b"layer")).write_bytes(f"{Digest.of(b'x')}\n".encode())
    tree.tag("team/app", "huge", b"nothing").write_bytes(b"x" * 1000)
    tree.tag("team/app", "empty", b"nothing").write_bytes(b"")
    tree.link("team/app/_layers", Digest.of(b"odd")).write_bytes(str(Digest.of(b"layer")).encode())
    tree.link("team/app/_layers", Digest.of(b"never pushed"))
    tree.link("team/app/_manifests/revisions", Digest.of(b"never pushed"))
    tree.link("team/app/_manifests/revisions", Digest.of(b"odd")).write_bytes(b"\xff\xfe")
    tree.manifest("team/app", b"no manifest")
    tree.manifest("team/app", b"x" * (LIMIT + 1))
    tree.manifest("team/lacking", image(b"{}", b"lost"))
    tree.push("team/cut", "1", b"cut short")
    tree.file(Digest.of(b"cut short")).write_bytes(b"cut")
    tree.push("team/wrong", "1", b"damaged")
    tree.file(Digest.of(b"damaged")).write_bytes(b"DAMAGED")
    liar = image(b"{}", layers=[{**descriptor(b"layer", LAYER_TYPE), "size": 99}])
    tree.manifest("team/lying", liar)
    for path in ("_uploads/1/data", "_manifests/tags/1/index/sha256/aa/link", "_layers/link", "_odd/link"):
        file = tree.repositories / "team" / "app" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"passed over")


@pytest.mark.parametrize("verify", [False, True])
def test_report_and_records_are_those_of_the_same_storage_in_a_folder(old: Old, tmp_path: Path, verify: bool) -> None:
    make_everything(old.tree)
    with opened(tmp_path / "other.db") as database:
        report = Adoption(database, LegacyDisk(old.tree.root), manifest_limit=LIMIT, verify=verify).run()
        expected = rows(database)
    root = f"{old.tree.root}/"  # a folder's errors name the whole path
    report.problems = [Problem(problem.path, problem.what.replace(root, "")) for problem in report.problems]
    assert len(report.problems) > 15
    found = Adoption(old.database, old.upload(), manifest_limit=LIMIT, verify=verify).run()
    assert asdict(found) == asdict(report)
    assert rows(old.database) == expected


def test_listing_tells_nearly_everything(old: Old) -> None:
    for number in range(40):
        old.tree.push(f"team/app-{number % 3}", f"v{number}", b"base", b"layer %d" % number)
    report = old.adopt(old.upload())
    assert (report.tags, report.manifests, report.problems) == (40, 40, [])
    assert Counter(old.proxy.operations()) == {"ListObjects": 2, "GetObject": 40}


def test_links_whose_entity_tags_tell_nothing_are_read(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a bucket whose objects are encrypted with keys of KMS."""
    content = old.tree.push("team/app", "1", b"layer")
    medium = old.upload()
    silent = {path: replace(file, tag="0" * 32) for path, file in medium._files.items()}
    monkeypatch.setattr(medium, "_files", silent)
    assert old.adopt(medium).problems == []
    assert old.tags() == {"team/app:1": str(Digest.of(content))}
    assert old.proxy.operations().count("GetObject") == 5  # the manifest, and links to it, its tag and two blobs


def test_tags_are_as_old_as_their_links(old: Old) -> None:
    old.tree.push("team/app", "1", b"layer")
    medium = old.upload()
    [written_at] = [file.written_at for path, file in medium._files.items() if "/tags/" in path]
    old.adopt(medium)
    with old.database.read() as tx:
        assert tx.exec_driver_sql("SELECT updated_at FROM tags").scalar_one() == written_at


def test_link_that_is_deleted_after_it_was_listed_is_gone(old: Old) -> None:
    content = old.tree.push("team/app", "1", b"layer")
    link = old.tree.tag("team/app", "2", b"of another manifest, so that it must be read")
    medium = old.upload()
    assert medium.folders(REPOSITORIES, lambda *_: None) == {"team"}
    old.s3.delete(f"{old.prefix}/{link.relative_to(old.tree.root)}")
    assert old.adopt(medium).problems == []
    assert old.tags() == {"team/app:1": str(Digest.of(content))}


def test_link_that_may_not_be_read_is_reported_and_others_go_on(old: Old) -> None:
    content = old.tree.push("team/app", "1", b"layer")
    link = old.tree.tag("team/app", "2", b"of another manifest, so that it must be read")
    medium = old.upload()
    old.proxy.fail("GetObject", s3_server.forward)
    old.proxy.fail("GetObject", s3_server.refuse(403, "AccessDenied"))
    [problem] = old.adopt(medium).problems
    assert problem.path == str(link.relative_to(old.tree.root))
    assert problem.what.startswith("cannot be read: S3 denies access")
    assert old.tags() == {"team/app:1": str(Digest.of(content))}


@pytest.mark.parametrize("operation", ["ListObjects", "GetObject"])
def test_service_that_does_not_answer_ends_the_run_and_another_goes_on(
    old: Old, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.tree.push("team/app", "1", b"layer")
    monkeypatch.setattr(s3_buckets, "ATTEMPTS", 2)
    medium = old.upload()
    old.proxy.fail(operation, s3_server.refuse(503, "SlowDown"), times=999)
    with pytest.raises(StoreUnavailable):
        old.adopt(medium)
    old.proxy.faults.clear()
    report = old.adopt(old.find())
    assert (report.tags, report.problems) == (1, [])


def test_service_that_fails_while_links_or_blobs_are_read_ends_the_run(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is a link or a blob at fault then, nor is it worth trying all the others."""
    old.tree.push("team/app", "1", b"layer")
    old.tree.tag("team/app", "2", b"of another manifest, so that it must be read")
    monkeypatch.setattr(s3_buckets, "ATTEMPTS", 2)
    medium = old.upload()
    old.proxy.fail("GetObject", s3_server.forward)
    old.proxy.fail("GetObject", s3_server.refuse(503, "SlowDown"), times=999)
    with pytest.raises(StoreUnavailable):
        old.adopt(medium)
    old.proxy.faults.clear()
    old.proxy.fail("GetObject", s3_server.forward)
    old.proxy.fail("GetObject", s3_server.refuse(503, "SlowDown"), times=999)
    with pytest.raises(StoreUnavailable):
        Adoption(old.database, old.find(), manifest_limit=LIMIT, verify=True).run()


# Where the storage is


@pytest.mark.parametrize(
    "inside", ["", "/", "/docker", "/docker/registry", "/docker/registry/v2", "/docker/registry/v2/"]
)
def test_storage_is_found_by_any_of_its_folders(old: Old, inside: str) -> None:
    old.tree.push("team/app", "1")
    old.upload()
    medium = open_legacy(f"s3://{BUCKET}/{old.prefix}{inside}", S3Options(endpoint=old.s3.endpoint))
    assert medium.root == medium.url == f"s3://{BUCKET}/{old.prefix}"


def test_place_is_the_same_however_it_is_written(old: Old) -> None:
    old.tree.push("team/app", "1")
    old.upload(f"{old.prefix}/my registry")
    medium = open_legacy(f"s3://{BUCKET}/{old.prefix}/my%20registry", S3Options(endpoint=old.s3.endpoint))
    assert medium.url == f"s3://{BUCKET}/{old.prefix}/my%20registry"
    assert medium.is_at(f"s3://{BUCKET}/{old.prefix}/my registry/")
    for other in (f"s3://{BUCKET}/{old.prefix}", f"s3://other/{old.prefix}/my%20registry", "file:///srv", "/srv", ""):
        assert not medium.is_at(other)


@pytest.mark.parametrize("inside", ["docker/registry/v2/repositories", "docker/registry/v2/blobs", "elsewhere"])
def test_other_place_is_not_taken_for_storage(old: Old, inside: str) -> None:
    old.tree.push("team/app", "1")
    old.upload()
    with pytest.raises(NotLegacyStorage, match=f"s3://{BUCKET}/{old.prefix}/{inside} is not the storage of a registry"):
        open_legacy(f"s3://{BUCKET}/{old.prefix}/{inside}", S3Options(endpoint=old.s3.endpoint))


@pytest.mark.slow
def test_many_tags_are_adopted(old: Old, capsys: pytest.CaptureFixture[str]) -> None:
    count = some(200, 1000)
    for number in range(count):
        old.tree.push(f"team/app-{number % 10}", f"v{number}", b"base", b"middle", b"layer %d" % number)
    old.upload()
    began = time.monotonic()
    report = old.adopt(open_legacy(f"s3://{BUCKET}/{old.prefix}", S3Options(endpoint=old.s3.endpoint)))
    with capsys.disabled():
        print(f"\n{count} tags: {time.monotonic() - began:.1f} s")  # noqa: T201 -- for people
    assert (report.tags, report.manifests, report.blobs, report.problems) == (count, count, count + 3, [])
