"""Pulls are counted in memory first."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy

import pytest
from sqlalchemy import select

from auth.access import Actor
from registry.core import pulls as module
from registry.core.pulls import Pull, Pulls
from registry.core.settings import Settings
from storage.metadata import audit_records, manifests, projects, repositories
from storage.metadata import pulls as pull_rows
from storage.metadata import tags as tag_rows
from storage.metadata.database import Database, DatabaseError
from storage.metadata.listings import Listing
from storage.metadata.management_tables import artifact_details
from storage.metadata.tables import tags


@pytest.fixture
def database(empty_records: Path, tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(Path(copy(empty_records, tmp_path / "cove.db")))) as database:
        yield database


def recorded(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as tx:
        found, _ = audit_records.list_page(tx, Listing(sort=("id",), size=0))
    return [(each.user_name, each.resource, each.description) for each in found]


def test_pulls_are_on_record_after_a_flush_each_account_and_artifact_once(database: Database) -> None:
    pulls = Pulls(database)
    for user in ("dev", "dev", ""):
        pulls.count(Pull(1, 1, "1", "team/app:1", user))
    assert recorded(database) == []
    assert pulls.flush() == 3
    assert recorded(database) == [("dev", "team/app:1", "2 times"), ("anonymous", "team/app:1", "")]
    assert pulls.flush() == 0


def test_flush_that_fails_is_made_up_for_by_the_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = Pulls(database)
    pulls.count(Pull(1, 1, None, "team/app@sha256:x", "dev"))

    def fail(*_arguments: object) -> None:
        pulls.count(Pull(1, 1, None, "team/app@sha256:x", "dev"))
        raise DatabaseError("the disk is gone")

    with monkeypatch.context() as failing:
        failing.setattr(pull_rows, "add", fail)
        with pytest.raises(DatabaseError):
            pulls.flush()
    assert pulls.flush() == 2


def test_no_more_pulls_are_kept_in_memory_than_fit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    pulls = Pulls(database)
    for number in range(5):
        pulls.count(Pull(number, 1, None, f"team/app:{number}", "dev"))
    pulls.count(Pull(0, 1, None, "team/app:0", "dev"))
    assert pulls.flush() == 3


@pytest.mark.parametrize(
    ("disabled", "expected"),
    [
        ("", (2, True, True, 1)),
        ("pull_count_update_disable", (0, True, True, 1)),
        ("pull_time_update_disable", (2, False, False, 1)),
        ("pull_audit_log_disable", (2, True, True, 0)),
    ],
)
def test_administrators_choose_what_is_kept_of_pulls(
    database: Database, disabled: str, expected: tuple[int, bool, bool, int]
) -> None:
    manifest, pulls = push(database), Pulls(database)
    pulls.count(Pull(manifest, 1, "1", "team/app:1", "dev"), times=2)
    if disabled:
        Settings(database, {}).change(Actor(), {disabled: True})
    pulls.flush()
    with database.read() as tx:
        count, at = tx.execute(select(artifact_details.c.pull_count, artifact_details.c.pulled_at)).one()
        tag = tx.execute(select(tags.c.pulled_at)).scalar_one()
    audited = [each for each in recorded(database) if each[1] == "team/app:1"]
    assert (count, at is not None, tag is not None, len(audited)) == expected


def push(database: Database) -> int:
    """A tagged manifest; its id."""
    with database.write() as tx:
        project = projects.add(tx, "team", is_public=False, now=1)
        repository = repositories.get_or_create(tx, project.id, "team/app", 1)
        made = manifests.add(
            tx,
            repository.id,
            digest="sha256:" + "0" * 64,
            media_type="application/vnd.oci.image.manifest.v1+json",
            artifact_type=None,
            subject=None,
            annotations={},
            content=b"{}",
            references={},
            now=1,
        )
        tag_rows.point(tx, repository.id, "1", made, 1)
    return made
