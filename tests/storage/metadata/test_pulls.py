"""Counting pulls."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from storage.metadata import pulls, tags
from storage.metadata.database import Database, Transaction
from storage.metadata.management_tables import artifact_details
from storage.metadata.pulls import PullCount
from storage.metadata.tables import repositories
from storage.metadata.tables import tags as tags_table
from tests.storage.metadata.databases import undone
from tests.storage.metadata.test_queries import make_manifest, make_project, make_repository


@pytest.fixture
def tx(shared: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with undone(shared) as tx:
        yield tx


def pulled(tx: Transaction, manifest: int) -> tuple[int, int] | None:
    row = tx.execute(select(artifact_details).where(artifact_details.c.manifest_id == manifest)).one_or_none()
    return (row.pull_count, row.pulled_at) if row else None


def of_repository(tx: Transaction, repository: int) -> int:
    return int(tx.execute(select(repositories.c.pull_count).where(repositories.c.id == repository)).scalar_one())


def test_pulls_add_up_and_the_last_one_dates_the_artifact_and_its_tag(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    manifest = make_manifest(tx, repository, "sha256:x")
    for name in ("one", "two"):
        tags.point(tx, repository, name, manifest, 1)
    pulls.add(tx, [PullCount(manifest, "one", 2, 10)])
    pulls.add(tx, [PullCount(manifest, "one", 1, 20), PullCount(manifest, None, 4, 30)])
    assert pulled(tx, manifest) == (7, 30)
    assert of_repository(tx, repository) == 7
    dates = dict(tx.execute(select(tags_table.c.name, tags_table.c.pulled_at)).all())
    assert dates == {"one": 20, "two": None}


def test_image_of_an_index_is_pulled_with_it_and_not_once_more(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    child = make_manifest(tx, repository, "sha256:child")
    parent = make_manifest(tx, repository, "sha256:parent", references={"sha256:child": True})
    tags.point(tx, repository, "1", parent, 1)
    pulls.add(tx, [PullCount(parent, "1", 1, 10), PullCount(child, None, 1, 11)])
    assert pulled(tx, child) == (1, 11)
    assert of_repository(tx, repository) == 1


def test_pull_of_what_is_gone_by_now_is_left_aside(tx: Transaction) -> None:
    pulls.add(tx, [PullCount(10**9, "1", 1, 10)])
    assert pulled(tx, 10**9) is None
