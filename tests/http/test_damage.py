"""Damaged blobs, as clients see them: they are not there until somebody pushes them again."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from registry.config import Config
from registry.core.checking import Check, Extent
from registry.oci.bounds import Bounds
from registry.places import open_database, open_storage
from storage.digest import Digest
from storage.metadata import blobs
from tests.core.damages import Change, delete, empty, flip, truncate, zero
from tests.http.pushes import Repo, fresh
from tests.http.serving import PASSWORD, Registry, image_manifest, running
from tests.http.test_observability import samples
from tests.storage.s3_server import BUCKET, S3Server

_numbers = itertools.count(1)


class Damaged:
    """An image with a layer of its own, and the hand that changes the layer behind the registry's back."""

    def __init__(self, registry: Registry, bucket: S3Server | None) -> None:
        self.registry = registry
        self.bucket = bucket
        self.repo = fresh(registry, project="library")
        self.layer = b"layer %d " % next(_numbers) * 1000
        self.digest = Digest.of(self.layer)
        self.manifest = image_manifest(Digest.of(b"{}"), 2, self.digest, len(self.layer))
        for content in (b"{}", self.layer):
            self.repo.push_blob(content)
        assert self.repo.put("v1", self.manifest).status_code == 201

    def location(self) -> str:
        with self.registry.database.read() as tx:
            found = blobs.find(tx, str(self.digest))
        assert found
        return found.location

    def spoil(self, change: Change) -> None:
        spoilt, config = change(self.layer), self.registry.config
        if self.bucket is None:
            file = config.data / self.location()
            file.unlink() if spoilt is None else file.write_bytes(spoilt)
            return
        key = f"{str(config.storage_url).removeprefix(f's3://{BUCKET}/')}/{self.location()}"
        self.bucket.delete(key) if spoilt is None else self.bucket.put(key, spoilt)

    def problems(self) -> list[str]:
        """What a check finds; it notes damage as well."""
        config, extent = self.registry.config, Extent(reads=True, repairs=True, bounds=Bounds(), expiry_ms=1)
        with closing(open_database(config)) as database:
            report = Check(database, open_storage(config), "here", extent).run()
        return [finding.subject for finding in report.findings]

    def answers(self) -> Iterator[httpx.Response]:
        url = self.repo.url(f"blobs/{self.digest}")
        yield self.repo.http.head(url)
        yield self.repo.http.get(url, follow_redirects=True)
        yield self.repo.http.get(url, headers={"Range": "bytes=0-9"}, follow_redirects=True)

    def is_served(self) -> bool:
        return all(answer.is_success for answer in self.answers()) and (
            self.repo.http.get(self.repo.url(f"blobs/{self.digest}"), follow_redirects=True).content == self.layer
        )

    def is_unknown(self) -> bool:
        return [answer.status_code for answer in self.answers()] == [404, 404, 404]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(Config(data=tmp_path_factory.mktemp("damage") / "data", admin_password=PASSWORD)) as registry:
        yield registry


def over_s3(s3: S3Server, folder: Path, *, sends: bool) -> Config:
    return Config(
        data=folder,
        admin_password=PASSWORD,
        storage_url=f"s3://{BUCKET}/damage/{folder.name}",
        s3_endpoint=s3.endpoint,
        s3_redirect=sends,
    )


@pytest.fixture(scope="module")
def reading(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(over_s3(s3, tmp_path_factory.mktemp("reading"), sends=False)) as registry:
        yield registry


@pytest.fixture(scope="module")
def sending(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(over_s3(s3, tmp_path_factory.mktemp("sending"), sends=True)) as registry:
        yield registry


@pytest.fixture(params=["disk", "s3-reading", "s3-sending"])
def damaged(request: pytest.FixtureRequest) -> Damaged:
    """One on a disk, one that reads from S3, and one that sends its clients there."""
    kind = request.param.rpartition("-")[2]
    bucket = None if kind == "disk" else request.getfixturevalue("s3")
    return Damaged(request.getfixturevalue(kind), bucket)


@pytest.mark.parametrize("change", [flip, zero, truncate, empty, delete])
def test_damage_that_was_seen_is_404_until_a_push_mends_it(damaged: Damaged, change: Change) -> None:
    assert damaged.is_served()
    damaged.spoil(change)
    assert damaged.problems() == [str(damaged.digest)]
    assert damaged.is_unknown()
    assert samples(damaged.registry, "cove_blobs_damaged")[()] == 1
    other: Repo = fresh(damaged.registry, project="library")
    query = {"mount": str(damaged.digest), "from": damaged.repo.name}
    assert other.http.post(other.url("blobs/uploads/"), params=query).status_code == 202
    damaged.repo.push_blob(damaged.layer)
    assert damaged.is_served()
    assert damaged.problems() == []
    assert samples(damaged.registry, "cove_blobs_damaged")[()] == 0


def test_image_of_a_damaged_layer_stays_and_a_new_one_is_refused_until_the_layer_is_pushed(disk: Registry) -> None:
    damaged = Damaged(disk, None)
    damaged.spoil(truncate)
    assert damaged.problems() == [str(damaged.digest)]
    assert damaged.repo.http.get(damaged.repo.url("manifests/v1")).content == damaged.manifest
    answer = damaged.repo.put("v2", damaged.manifest)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "MANIFEST_BLOB_UNKNOWN")
    damaged.repo.push_blob(damaged.layer)
    assert damaged.repo.put("v2", damaged.manifest).status_code == 201


def test_what_somebody_else_put_in_place_of_a_layer_is_never_shown(disk: Registry) -> None:
    damaged = Damaged(disk, None)
    file = disk.config.data / damaged.location()
    file.unlink()
    file.symlink_to("/etc/passwd")
    for answer in damaged.answers():
        assert answer.status_code == 404
        assert "root:" not in answer.text
    damaged.repo.push_blob(damaged.layer)
    assert damaged.is_served()
    assert Path("/etc/passwd").stat().st_size > 0
