"""The generation of what pulls see grows with every change that could make an answer untrue, and with no others."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from storage.metadata.database import Database
from storage.metadata.generations import UNWATCHED, WATCHED
from storage.metadata.schema import metadata

ROWS = [
    (
        "INSERT INTO users (id, name, password_hash, is_admin, is_disabled, credential_version, created_at)"
        " VALUES (1, 'pat', 'hash', 0, 0, 1, 1)"
    ),
    "INSERT INTO projects (id, name, is_public, created_at) VALUES (1, 'team', 0, 1), (2, 'other', 0, 1)",
    "INSERT INTO user_groups VALUES (1, 'crew', 1, '', '')",
    "INSERT INTO group_members VALUES (1, 1)",
    "INSERT INTO members (id, project_id, user_id, role) VALUES (1, 1, 1, 1)",
    "INSERT INTO robots VALUES (1, 1, 'ci', '', 'hash', 1, -1, NULL, 0, '[]', 'user', 1, 1, 1, NULL, NULL)",
    "INSERT INTO access_tokens VALUES (1, 1, 'laptop', 'hash', NULL, 1, NULL, NULL)",
    "INSERT INTO repositories (id, project_id, name, created_at) VALUES (1, 1, 'team/app', 1), (2, 2, 'other/app', 1)",
    "INSERT INTO blobs (id, digest, size, location, created_at) VALUES (1, 'sha256:1', 1, 'a', 1), (2, 'x', 1, 'b', 1)",
    "INSERT INTO repository_blobs VALUES (1, 1, 1)",
    (
        "INSERT INTO manifests (id, repository_id, digest, media_type, annotations, size, content, created_at)"
        " VALUES (1, 1, 'sha256:2', 'text/plain', '{}', 3, 'abc', 1), (2, 1, 'sha256:3', '', '{}', 3, 'abd', 1)"
    ),
    "INSERT INTO tags (repository_id, name, manifest_id, updated_at) VALUES (1, 'v1', 1, 1)",
    "INSERT INTO signing_keys VALUES ('key', 'pem', 1)",
    "INSERT INTO settings VALUES ('self_registration', 'true')",
    "DELETE FROM generations",
]
TEXTS = {"name", "digest", "media_type", "content", "location", "damage", "permissions", "settings", "cve_allowlist"}
PASSING = [
    "UPDATE projects SET used_bytes = 7, quota_bytes = 9",
    "UPDATE users SET password_hash = 'renewed'",
    "UPDATE robots SET used_at = 9, used_from = '192.0.2.1'",
    "UPDATE users SET name = name",
    "UPDATE repository_blobs SET leased_at = 9",
    "UPDATE blobs SET checked_at = 9, unlinked_at = 9, damage = NULL",
    "UPDATE manifests SET untagged_at = 9",
    "UPDATE tags SET updated_at = 9, pulled_at = 9, manifest_id = manifest_id",
    "INSERT INTO facts VALUES ('registry', '1')",
    "INSERT INTO manifest_references VALUES (1, 'sha256:1', 0, 1)",
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """For all tests, which keep nothing in it."""
    with closing(Database.open(tmp_path_factory.mktemp("data") / "cove.db")) as database:
        database.migrate()
        with database.write() as tx:
            for row in ROWS:
                tx.exec_driver_sql(row)
        yield database


def counted(database: Database, *statements: str) -> int:
    """What the generation would be after some statements."""
    counts = []
    with suppress(ZeroDivisionError), database.write() as tx:
        tx.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for statement in statements:
            assert tx.exec_driver_sql(statement).rowcount, statement
            counts.append(int(tx.exec_driver_sql("SELECT coalesce(max(number), 0) FROM generations").scalar_one()))
        raise ZeroDivisionError
    return counts[-1]


def test_every_table_is_known_to_matter_or_not() -> None:
    assert set(WATCHED) | UNWATCHED == set(metadata.tables)
    assert not set(WATCHED) & UNWATCHED


@pytest.mark.parametrize("table", [*WATCHED])
def test_deletion_counts(database: Database, table: str) -> None:
    assert counted(database, f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})") > 0


@pytest.mark.parametrize(("table", "column"), [(t, c) for t in WATCHED for c in WATCHED[t].columns])
def test_change_counts(database: Database, table: str, column: str) -> None:
    value = "'another'" if column in TEXTS or table in ("signing_keys", "settings") else f"coalesce({column}, 0) + 1"
    assert counted(database, f"UPDATE {table} SET {column} = {value} WHERE rowid = 1") == 1


def test_setting_that_is_made_counts(database: Database) -> None:
    assert counted(database, "INSERT INTO settings VALUES ('read_only', 'true')") == 1


@pytest.mark.parametrize("statement", PASSING)
def test_what_no_pull_sees_counts_for_nothing(database: Database, statement: str) -> None:
    assert counted(database, statement) == 0


def test_purging_of_a_manifest_that_was_deleted_counts_for_nothing(database: Database) -> None:
    deleted = "UPDATE manifests SET deleted_at = 5 WHERE id = 2"
    assert counted(database, deleted) == 1
    assert counted(database, deleted, "DELETE FROM manifests WHERE id = 2") == 1


def test_change_counts_when_it_is_committed_and_not_when_it_is_taken_back(path: Path) -> None:
    with closing(Database.open(path)) as database:
        database.migrate()
        watch = database.watch()
        assert watch
        assert watch.generation() == 0
        for row in ROWS:
            change(database, row)
        assert watch.generation() == 0
        with suppress(ZeroDivisionError), database.write() as tx:
            tx.exec_driver_sql("DELETE FROM tags")
            raise ZeroDivisionError
        assert watch.generation() == 0
        with database.write() as tx:
            tx.exec_driver_sql("DELETE FROM tags")
            assert watch.generation() == 0
        assert watch.generation() == 1


def test_generation_that_cannot_be_read_is_unknown(path: Path) -> None:
    with closing(Database.open(path)) as database:
        database.migrate()
        watch = database.watch()
        assert watch
        change(database, "ALTER TABLE generations RENAME TO gone")
        assert watch.generation() is None
        change(database, "ALTER TABLE gone RENAME TO generations")
        assert watch.generation() == 0


def change(database: Database, statement: str) -> None:
    with database.write() as tx:
        tx.exec_driver_sql(statement)
