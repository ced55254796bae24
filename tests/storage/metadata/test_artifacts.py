"""Lists of artifacts and of repositories."""

from collections.abc import Callable, Iterator

import pytest

from storage.metadata import artifacts, blobs, deletions, immutable_rules, manifests, repositories, tags, usage
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Filter, Listing
from storage.metadata.manifests import Nature
from storage.metadata.sights import Sight
from tests.storage.metadata.databases import undone
from tests.storage.metadata.statements import noted
from tests.storage.metadata.test_queries import make_manifest, make_project

HEX = "0" * 64
SUBJECT = f"sha256:{HEX}"


@pytest.fixture
def tx(shared: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with undone(shared) as tx:
        yield tx


@pytest.fixture
def project(tx: Transaction) -> int:
    return make_project(tx, "p")


@pytest.fixture
def repository(tx: Transaction, project: int) -> int:
    """With an image, its signature, what is about it, an index and the child of that."""
    row = repositories.get_or_create(tx, project, "p/r", 1)
    image = make_manifest(tx, row.id, SUBJECT, now=10, nature=Nature("IMAGE", "config", 100))
    signature = make_manifest(tx, row.id, "sha256:signature", now=11)
    make_manifest(tx, row.id, "sha256:about", now=12, subject=SUBJECT)
    make_manifest(tx, row.id, "sha256:child", now=13, nature=Nature("IMAGE", None, 7))
    index = make_manifest(tx, row.id, "sha256:index", now=14, references={"sha256:child": True})
    for name, manifest in (("1", image), (f"sha256-{HEX}.sig", signature), ("many", index)):
        tags.point(tx, row.id, name, manifest, 20)
    return row.id


def listed(tx: Transaction, repository: int, *filters: Filter, sort: str = "-push_time") -> list[str]:
    found, total = artifacts.list_of_repository(tx, repository, Listing(filters, (sort,), size=0))
    assert total == len(found)
    return [each.digest for each in found]


def test_children_and_accessories_are_in_no_list_unless_they_are_asked_for(tx: Transaction, repository: int) -> None:
    assert listed(tx, repository) == ["sha256:index", SUBJECT]
    assert len(listed(tx, repository, Filter("base", "exact", ("*",)))) == 5


def test_what_lost_its_subject_or_its_index_is_in_lists(tx: Transaction, repository: int) -> None:
    for digest in (SUBJECT, "sha256:index"):
        found = manifests.find(tx, repository, digest)
        assert found
        manifests.delete_softly(tx, found.id, 30)
    assert listed(tx, repository) == ["sha256:child", "sha256:about", "sha256:signature"]


def test_accessories_are_found_by_their_subject_and_by_their_tag(tx: Transaction, repository: int) -> None:
    here = manifests.find_many(tx, repository, [SUBJECT, "sha256:index"])
    found = artifacts.list_accessories(tx, [record.id for record in here.values()])
    assert [(each.digest, each.subject_digest, each.tag) for each in found] == [
        ("sha256:signature", SUBJECT, f"sha256-{HEX}.sig"),
        ("sha256:about", SUBJECT, None),
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Filter("tags", "contains", ("AN",)), ["sha256:index"]),
        (Filter("tags", "any", ("1", "none")), [SUBJECT]),
        (Filter("tags", "exact", ("nil",)), []),
        (Filter("type", "exact", ("IMAGE",)), [SUBJECT]),
        (Filter("size", "range", ("50", None)), [SUBJECT]),
        (Filter("pulltime", "range", ("1", None)), []),
        (Filter("labels", "all", ("1", "2")), []),
    ],
)
def test_conditions_choose(tx: Transaction, repository: int, condition: Filter, expected: list[str]) -> None:
    assert listed(tx, repository, condition) == expected


def test_child_that_only_its_index_names_is_told(tx: Transaction, repository: int) -> None:
    index, child = (manifests.find(tx, repository, f"sha256:{name}") for name in ("index", "child"))
    assert index
    assert child
    assert artifacts.list_only_named_by(tx, repository, [index.id]) == {child.id: "sha256:child"}
    make_manifest(tx, repository, "sha256:other", references={"sha256:child": True})
    assert artifacts.list_only_named_by(tx, repository, [index.id]) == {}
    assert artifacts.is_named(tx, child.id)
    assert not artifacts.is_named(tx, index.id)


def test_newest_of_each_repository_is_of_the_same_type(tx: Transaction, project: int) -> None:
    for name in ("p/a", "p/b"):
        row = repositories.get_or_create(tx, project, name, 1)
        for digest, at, kind in (("old", 1, "x"), ("new", 2, "x"), ("other", 3, "y")):
            make_manifest(tx, row.id, f"sha256:{digest}-{name}", now=at, artifact_type=kind)
    chosen = Listing((Filter("artifacttype", "exact", ("x",)),), ("repository_name",))
    found, total = artifacts.list_of_project(tx, project, chosen, only_latest=True)
    assert ([each.digest for each in found], total) == (["sha256:new-p/a", "sha256:new-p/b"], 2)


def test_repositories_are_listed_with_the_number_of_their_artifacts(
    tx: Transaction, project: int, repository: int
) -> None:
    repositories.get_or_create(tx, project, "p/empty", 1)
    found, total = repositories.list_page(tx, Listing(), project_id=project)
    assert ([(each.name, each.artifacts) for each in found], total) == ([("p/r", 4)], 1)
    blob = blobs.add(tx, "sha256:blob", 1, "place", 1)
    blobs.link(tx, repository, blob, 1)
    holding = Listing((Filter("blobdigest", "exact", ("sha256:blob",)),))
    assert repositories.list_page(tx, holding, sight=Sight(everything=True))[1] == 1
    assert repositories.list_page(tx, holding, sight=Sight())[1] == 0


def test_rules_are_against_the_move_of_a_tag_alone(tx: Transaction, project: int, repository: int) -> None:
    immutable_rules.add(tx, project, "{}", disabled=False)
    immutable_rules.add(tx, project, "[]", disabled=True)
    image = manifests.find_by_tag(tx, repository, "1")
    assert image
    assert immutable_rules.list_against_move(tx, project, repository, "1", image.id) == []
    assert immutable_rules.list_against_move(tx, project, repository, "new", image.id) == []
    assert immutable_rules.list_against_move(tx, project, repository, "many", image.id) == ["{}"]
    assert immutable_rules.list_active(tx, project) == ["{}"]


def test_manifests_without_a_nature_are_told_the_oldest_first(tx: Transaction, repository: int) -> None:
    found = manifests.list_natureless(tx, 9)
    assert [content for *_, content in found] == [b"{}"] * 3
    manifests.set_nature(tx, found[0][0], Nature("CHART", None, 5))
    assert len(manifests.list_natureless(tx, 9)) == 2
    assert manifests.total_size(tx, repository, ["sha256:child", "sha256:signature"]) == 7 + 5


def test_repository_is_known_from_its_first_manifest_on_until_it_is_deleted_as_a_whole(
    tx: Transaction, project: int
) -> None:
    row = repositories.get_or_create(tx, project, "p/counted", 1)
    other = repositories.get_or_create(tx, project, "p/other", 1)
    make_manifest(tx, other.id, "sha256:other")

    def counted() -> list[int]:
        return [size.manifests for size in repositories.list_sizes(tx, after="p/counte", count=1)]

    first, second = (make_manifest(tx, row.id, f"sha256:{name}") for name in "ab")
    assert counted() == [2]
    manifests.delete_softly(tx, first, 5)
    manifests.delete_softly(tx, first, 6)
    assert counted() == [1]
    assert make_manifest(tx, row.id, "sha256:a") == first
    assert counted() == [2]
    repositories.delete_softly(tx, row.id, 7)
    assert not repositories.holds_manifests(tx, row.id)
    deletions.restore(tx, row.id, [first, second], 8)
    deletions.restore(tx, row.id, [first, second], 9)
    assert counted() == [2]
    manifests.delete_softly(tx, first, 10)
    manifests.remove(tx, [first], 11)
    assert counted() == [1]
    manifests.remove(tx, [second], 11)
    assert counted() == [0]
    assert not repositories.holds_manifests(tx, row.id)
    repositories.delete_softly(tx, row.id, 12)
    assert counted() == [1]  # of the other one: this one is not known any more
    assert not repositories.holds_manifests(tx, row.id)
    make_manifest(tx, row.id, "sha256:c")
    usage.count_restored(tx, row.id, 5, 1)
    usage.correct(tx, project)
    assert counted() == [1]


LISTED = {"LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"}
"""How the values of a list come to a statement that is compiled once."""


def plans(tx: Transaction, work: Callable[[], object]) -> list[str]:
    """How SQLite goes about the queries of some work."""
    with noted(lambda connection: connection is tx) as seen:
        work()
    assert seen
    return [row[3] for query, values in seen for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)]


@pytest.mark.parametrize("blank", ["sqlite"], indirect=True)
def test_what_is_asked_for_by_digest_takes_no_look_at_the_whole_repository(database: Database) -> None:
    digests = ["sha256:1", "sha256:2"]
    with database.read() as tx:
        for work in (
            lambda: manifests.find_many(tx, 1, digests),
            lambda: manifests.present(tx, 1, digests),
            lambda: manifests.total_size(tx, 1, digests),
            lambda: list(manifests.list_referrers(tx, 1, "sha256:1", artifact_types=[], after="", count=9)),
            lambda: artifacts.list_accessories(tx, [1, 2]),
        ):
            for plan in plans(tx, work):
                assert plan.startswith("SEARCH") or plan in LISTED
                assert "ix_manifests_listed" not in plan
