"""Numbers by the day, and what is in layers, on both kinds of database."""

from collections.abc import Iterator

import pytest

from storage.metadata import blobs, days, layers, tags
from storage.metadata.database import Database, Transaction
from storage.metadata.days import DayCount, DayPulls, DayPushes, DiskSample
from storage.metadata.layers import LayerRecord
from storage.metadata.sights import Sight
from tests.storage.metadata.databases import undone
from tests.storage.metadata.test_queries import make_manifest, make_project, make_repository

EVERYTHING, NOTHING = Sight(everything=True), Sight()


@pytest.fixture
def tx(shared: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with undone(shared) as tx:
        yield tx


def test_pushes_and_pulls_of_a_day_add_up(tx: Transaction) -> None:
    project = make_project(tx, "p")
    manifest = make_manifest(tx, make_repository(tx, project, "p/r"), "sha256:x")
    days.add(tx, [DayPulls(manifest, 2, 9), DayPulls(manifest, 1, 8)], [DayPushes(project, 5, 9)])
    days.add(tx, [DayPulls(manifest, 3, 9)], [])
    assert sorted(days.list_counts(tx, 8, EVERYTHING), key=lambda each: each.day) == [
        DayCount(8, 0, 1),
        DayCount(9, 5, 5),
    ]
    assert days.list_counts(tx, 9, NOTHING) == []
    assert days.list_counts(tx, 9, NOTHING, project) == [DayCount(9, 5, 5)]


def test_image_of_an_index_is_pulled_with_it_and_not_once_more(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    child = make_manifest(tx, repository, "sha256:child")
    parent = make_manifest(tx, repository, "sha256:parent", references={"sha256:child": True})
    tags.point(tx, repository, "1", parent, 1)
    days.add(tx, [DayPulls(parent, 1, 9), DayPulls(child, 1, 9), DayPulls(10**9, 1, 9)], [DayPushes(10**9, 1, 9)])
    assert days.list_counts(tx, 9, EVERYTHING) == [DayCount(9, 0, 1)]


def test_disk_has_one_sample_a_day(tx: Transaction) -> None:
    for sample in (DiskSample(7, 1, None), DiskSample(8, 1, 5), DiskSample(8, 2, 5)):
        days.put_disk(tx, sample)
    assert days.list_disk(tx, 7) == [DiskSample(7, 1, None), DiskSample(8, 2, 5)]
    days.drop_before(tx, 8)
    assert days.list_disk(tx, 7) == [DiskSample(8, 2, 5)]


def test_what_is_in_a_layer_is_kept_once(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    for digest in ("sha256:1", "sha256:2", "sha256:3"):
        blobs.link(tx, repository, blobs.add(tx, digest, 1, digest, 1), 1)
    layers.put(tx, "sha256:1", entries=3, content=b"packed", reason=None)
    layers.put(tx, "sha256:1", entries=4, content=b"again", reason=None)
    layers.put(tx, "sha256:2", entries=0, content=None, reason="it is broken")
    layers.put(tx, "sha256:none", entries=1, content=b"", reason=None)
    wanted = ["sha256:1", "sha256:2", "sha256:3", "sha256:none"]
    assert layers.find_many(tx, repository, wanted) == {
        "sha256:1": LayerRecord("sha256:1", is_intact=True, entries=3, reason=None),
        "sha256:2": LayerRecord("sha256:2", is_intact=True, entries=0, reason="it is broken"),
        "sha256:3": LayerRecord("sha256:3", is_intact=True, entries=None, reason=None),
    }
    assert list(layers.contents(tx, wanted)) == [b"packed", None, None, None]
