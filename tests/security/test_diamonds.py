"""Indexes that name indexes: however many ways there are through them, each is looked at once (zot's issue 4318)."""

from collections.abc import Callable
from typing import Any

import pytest

from registry.core.cleaning import Cleaning, Rules
from storage.digest import Digest
from storage.disk import DiskStore
from tests.http.conftest import Make
from tests.http.pushes import Repo, descriptor, fresh, image, index
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry
from tests.security.statements import statements_of, without_background_work

DEPTH = 30  # with 2 to the power of it ways from top to bottom


def push_diamonds(repo: Repo, depth: int, after_each: Callable[[], None] = lambda: None) -> list[list[bytes]]:
    """Levels of two indexes each, which both name both of the level below; the lowest are two images."""
    levels = [[repo.image(b"left"), repo.image(b"right")]]
    for level in range(depth + 1):
        kind = MANIFEST_TYPE if level == 0 else INDEX_TYPE
        for content in levels[-1]:
            repo.push(Digest.of(content), content, kind)
        after_each()
        children = [descriptor(content, kind) for content in levels[-1]]
        levels.append([index(*children, annotations={"side": side, "level": str(level)}) for side in ("left", "right")])
    repo.push("top", levels[-2][0], INDEX_TYPE)
    return levels[:-1]


def manifests(registry: Registry) -> int:
    with registry.database.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM manifests").scalar_one())


def clean(registry: Registry, **rules: Any) -> None:
    Cleaning(registry.database, DiskStore(registry.config.data), Rules(**rules)).run("test")


def test_each_level_costs_what_the_one_before_cost(make_registry: Make) -> None:
    counts = list[int]()
    with without_background_work():
        registry = make_registry(gc_seconds=0)
    with statements_of(registry) as statements:

        def count() -> None:
            counts.append(len(statements))
            statements.clear()

        push_diamonds(fresh(registry, project="library"), DEPTH, count)
    assert len(counts) == DEPTH + 1
    # What is looked up again after a time only ever adds to some of them.
    assert min(counts[2:12]) == min(counts[-10:])


@pytest.mark.slow
def test_diamonds_are_pulled_counted_kept_and_cleaned_up(make_registry: Make) -> None:
    registry = make_registry(gc_seconds=0)
    repo = fresh(registry, project="library")
    levels = push_diamonds(repo, DEPTH)
    assert repo.manifest("top").content == levels[-1][0]
    assert repo.http.get(repo.url(f"referrers/{Digest.of(levels[0][0])}")).json()["manifests"] == []
    clean(registry, untagged=1, grace=0, keep_deleted=10**9)
    assert repo.manifest(Digest.of(levels[0][0])).status_code == 200
    assert repo.http.delete(repo.url(f"manifests/{Digest.of(levels[-1][0])}")).status_code == 202
    for _ in range(DEPTH + 2):  # each run takes those that nothing names any more
        clean(registry, untagged=1, grace=0, at_once=True)
    assert manifests(registry) == 0


def test_index_with_a_thousand_children_is_pushed_and_deleted(make_registry: Make) -> None:
    registry = make_registry(gc_seconds=0)
    repo = fresh(registry, project="library")
    repo.image()
    children = [image(annotations={"number": str(number)}) for number in range(3)]
    for content in children:
        repo.push(Digest.of(content), content)
    absent = [image(annotations={"absent": str(number)}) for number in range(997)]
    with statements_of(registry) as statements:
        content = index(*[descriptor(content, MANIFEST_TYPE) for content in children + absent])
        digest = repo.push("1", content, INDEX_TYPE)
    assert len(statements) < 100
    assert repo.http.delete(repo.url(f"manifests/{digest}")).status_code == 202
    assert repo.manifest("1").status_code == 404
