"""The schema's history leads to the schema that the queries are written for."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from storage.metadata import migrations, schema
from storage.metadata.database import HEAD, Database, SchemaTooNew, Transaction
from storage.metadata.migrations import alembic_config
from tests.storage.metadata import fresh
from tests.storage.metadata.databases import open_database

ROOT = Path(__file__).parents[3]
WORDS = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": """
        SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'column', table_name || '.' || column_name,
        concat_ws(' ', data_type, collation_name, column_default, is_nullable, identity_generation)
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
}
OLD_ROWS = [
    "INSERT INTO projects VALUES (1, 'team', false, 1)",
    "INSERT INTO repositories VALUES (1, 1, 'team/app', 1), (2, 1, 'team/base', 1)",
    "INSERT INTO blobs VALUES (1, 'sha256:1', 10, 'a', 1), (2, 'sha256:2', 100, 'b', 1), (3, 'sha256:3', 1000, 'c', 1)",
    "INSERT INTO repository_blobs VALUES (1, 1, 11), (2, 1, 11), (1, 2, 12)",
    (
        "INSERT INTO manifests (id, repository_id, digest, media_type, annotations, size, content, created_at)"
        " VALUES (1, 1, 'sha256:8', '', '{}', 3, 'abc', 4), (2, 2, 'sha256:9', '', '{}', 4, 'abcd', 5)"
    ),
    "INSERT INTO manifest_references VALUES (1, 'sha256:1', false), (2, 'sha256:1', false), (1, 'sha256:9', true)",
    "INSERT INTO tags VALUES (1, 'v1', 1, 6)",
]


@pytest.fixture(autouse=True)
def _by_way_of_all_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "create", lambda tx, _version: migrations.upgrade(tx))


def test_migrations_lead_to_the_tables(database: Database) -> None:
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


def test_migrations_and_a_first_start_make_the_same(blank: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In the databases' own words, which also tell what a comparison by columns does not: AUTOINCREMENT, ON DELETE."""
    is_sqlite = "postgresql:" not in blank
    other = str(tmp_path / "direct.db") if is_sqlite else request.getfixturevalue("postgres").make_database("template0")
    found = []
    for address, make in ((blank, migrations.upgrade), (other, lambda tx: fresh.make(tx, HEAD))):
        with closing(open_database(address)) as database, database.write() as tx:
            make(tx)
            rows = tx.exec_driver_sql(WORDS["sqlite" if is_sqlite else "postgresql"]).all()
        # The order of columns and constraints is free, and of no meaning.
        found.append({(kind, name): sorted(re.split(r"[(),\s]+", sql or "")) for kind, name, sql in rows})
    assert found[0] == found[1]


def test_new_databases_of_other_tests_are_as_those_of_a_first_start(path: Path, tmp_path: Path) -> None:
    found = []
    for place, make in ((path, fresh.make), (tmp_path / "fresh.db", fresh.create)):
        with closing(Database.open(place)) as database, database.write() as tx:
            make(tx, HEAD)
            made = tx.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").all()
            found.append([made, {name: _rows(tx, name) for kind, name, _ in made if kind == "table"}])
    assert found[0] == found[1]


def test_head_is_the_newest_migration(database: Database) -> None:
    with database.read() as tx:
        script = ScriptDirectory.from_config(alembic_config(tx))
        assert script.get_heads() == [HEAD]
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.write() as tx:
        tx.exec_driver_sql("INSERT INTO projects (id, name, is_public, created_at) VALUES (7, 'team', false, 1)")
    database.migrate()
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT id FROM projects").scalars().all() == [7]


def test_data_of_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999"):
        database.migrate()
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"


def test_two_processes_migrate_at_once_and_both_succeed(blank: str) -> None:
    script = (
        "import sys; from tests.storage.metadata.databases import open_database;"
        "sys.stdin.read(); open_database(sys.argv[1]).migrate()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, blank], cwd=ROOT, stdin=subprocess.PIPE) for _ in range(2)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0]
    database = open_database(blank)
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [HEAD]
    database.close()


def _rows(tx: Transaction, table: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in tx.exec_driver_sql(f'SELECT * FROM "{table}"')]


def test_threads_migrate_databases_of_their_own_at_once(tmp_path: Path) -> None:
    def migrate(number: int) -> None:
        with closing(Database.open(tmp_path / f"{number}.db")) as database:
            database.migrate()
            database.check()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, range(4)))


def test_migration_that_fails_leaves_nothing_behind(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = migrations.upgrade

    def half(tx: Transaction) -> None:
        whole(tx)
        raise ZeroDivisionError

    monkeypatch.setattr(migrations, "upgrade", half)
    database = open_database(blank)
    with pytest.raises(ZeroDivisionError):
        database.migrate()
    with database.read() as tx:
        assert inspect(tx).get_table_names() == []
    database.close()


def test_what_was_there_before_cleaning_up_existed_is_marked_and_counted(
    blank: str,
) -> None:
    with closing(open_database(blank)) as database:
        with database.write() as tx:
            command.upgrade(alembic_config(tx), "0002")
            for statement in OLD_ROWS:
                tx.exec_driver_sql(statement)
        database.migrate()
        must_be_marked_and_counted(database)


def must_be_marked_and_counted(database: Database) -> None:
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT blob_id, leased_at FROM repository_blobs ORDER BY 1").all() == [
            (1, None),
            (1, None),
            (2, 12),
        ]
        assert tx.exec_driver_sql("SELECT id, unlinked_at FROM blobs ORDER BY 1").all() == [
            (1, None),
            (2, None),
            (3, 1),
        ]
        assert tx.exec_driver_sql("SELECT id, untagged_at FROM manifests ORDER BY 1").all() == [(1, None), (2, 5)]
        assert tx.exec_driver_sql("SELECT used_bytes FROM projects").scalar() == 110 + 7
        places = "SELECT manifest_id, digest, is_manifest, repository_id FROM manifest_references ORDER BY 1, 2"
        assert tx.exec_driver_sql(places).all() == [
            (1, "sha256:1", False, 1),
            (1, "sha256:9", True, 1),
            (2, "sha256:1", False, 2),
        ]
        changes = tx.exec_driver_sql("SELECT repository_id, tag, digest, user_name, changed_at FROM tag_changes")
        assert changes.all() == [(1, "v1", "sha256:8", None, 6)]
        assert tx.exec_driver_sql("SELECT name, sort_key FROM tags").all() == [("v1", "0011#")]
