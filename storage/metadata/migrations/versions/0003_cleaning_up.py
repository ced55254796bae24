"""What it takes to clean up online, to undo deletions, to limit projects and to check what is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

MARKS = [
    ("repository_blobs", "leased_at"),
    ("manifests", "deleted_at"),
    ("manifests", "untagged_at"),
    ("blobs", "unlinked_at"),
    ("repositories", "deleted_at"),
]

IS_NAMED = """EXISTS (
    SELECT 1 FROM manifest_references JOIN manifests ON manifests.id = manifest_references.manifest_id
    JOIN blobs ON blobs.digest = manifest_references.digest
    WHERE manifests.repository_id = repository_blobs.repository_id AND blobs.id = repository_blobs.blob_id)"""
IS_LINKED = "EXISTS (SELECT 1 FROM repository_blobs WHERE repository_blobs.blob_id = blobs.id)"
IS_TAGGED = "EXISTS (SELECT 1 FROM tags WHERE tags.manifest_id = manifests.id)"
BLOB_BYTES = """(SELECT coalesce(sum(blobs.size), 0) FROM blobs WHERE EXISTS (
    SELECT 1 FROM repository_blobs JOIN repositories ON repositories.id = repository_blobs.repository_id
    WHERE repository_blobs.blob_id = blobs.id AND repositories.project_id = projects.id))"""
MANIFEST_BYTES = """(SELECT coalesce(sum(manifests.size), 0) FROM manifests
    JOIN repositories ON repositories.id = manifests.repository_id WHERE repositories.project_id = projects.id)"""

OLD_REFERENCES = """CREATE TABLE old_references AS
    SELECT manifest_references.*, manifests.repository_id
    FROM manifest_references JOIN manifests ON manifests.id = manifest_references.manifest_id"""

FIRST_CHANGES = """INSERT INTO tag_changes (repository_id, tag, digest, changed_at)
    SELECT tags.repository_id, tags.name, manifests.digest, tags.updated_at
    FROM tags JOIN manifests ON manifests.id = tags.manifest_id ORDER BY tags.updated_at"""


def upgrade() -> None:
    for table, column in MARKS:
        op.add_column(table, sa.Column(column, sa.BigInteger()))
    op.execute(f"UPDATE repository_blobs SET leased_at = linked_at WHERE NOT {IS_NAMED}")  # noqa: S608 -- constants
    op.execute(f"UPDATE blobs SET unlinked_at = created_at WHERE NOT {IS_LINKED}")  # noqa: S608 -- constants
    op.execute(f"UPDATE manifests SET untagged_at = created_at WHERE NOT {IS_TAGGED}")  # noqa: S608 -- constants
    op.drop_column("repository_blobs", "linked_at")
    for table, column in MARKS:
        is_set = sa.text(f"{column} IS NOT NULL")
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], sqlite_where=is_set, postgresql_where=is_set)
    op.add_column("repositories", sa.Column("deleted_by", sa.Text()))

    # Made anew: SQLite adds no column that may not be null to a table that has rows.
    op.execute(OLD_REFERENCES)
    op.drop_table("manifest_references")
    op.create_table(
        "manifest_references",
        sa.Column("manifest_id", Id, nullable=False),
        sa.Column("digest", Name, nullable=False),
        sa.Column("is_manifest", sa.Boolean(), nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_manifest_references_manifest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("manifest_id", "digest", name=op.f("pk_manifest_references")),
    )
    op.execute("INSERT INTO manifest_references SELECT * FROM old_references")
    op.drop_table("old_references")
    op.create_index("ix_manifest_references_repository_id", "manifest_references", ["repository_id", "digest"])

    op.create_index(op.f("ix_uploads_user_id"), "uploads", ["user_id"])

    op.add_column("blobs", sa.Column("checked_at", sa.BigInteger()))
    op.add_column("blobs", sa.Column("damage", sa.Text()))
    op.create_index(op.f("ix_blobs_checked_at"), "blobs", ["checked_at"])

    op.add_column("projects", sa.Column("quota_bytes", sa.BigInteger()))
    op.add_column("projects", sa.Column("used_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(f"UPDATE projects SET used_bytes = {BLOB_BYTES} + {MANIFEST_BYTES}")  # noqa: S608 -- constants

    op.add_column("tombstones", sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))

    op.create_table(
        "tag_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("repository_id", Id, nullable=False),
        sa.Column("tag", Name, nullable=False),
        sa.Column("digest", Name),
        sa.Column("user_name", sa.Text()),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_tag_changes_repository_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tag_changes_tag", "tag_changes", ["repository_id", "tag", "id"])
    op.execute(FIRST_CHANGES)
    op.create_table(
        "clean_ups",
        sa.Column("id", Id, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("manifests", sa.BigInteger(), nullable=False),
        sa.Column("links", sa.BigInteger(), nullable=False),
        sa.Column("blobs", sa.BigInteger(), nullable=False),
        sa.Column("uploads", sa.BigInteger(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("freed_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clean_ups")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", Name, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "facts",
        sa.Column("name", Name, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )


def downgrade() -> None:
    for table in ("facts", "leases", "clean_ups", "tag_changes"):
        op.drop_table(table)
    op.drop_column("tombstones", "size")
    op.drop_column("projects", "used_bytes")
    op.drop_column("projects", "quota_bytes")
    op.drop_index(op.f("ix_uploads_user_id"), "uploads")
    op.drop_index(op.f("ix_blobs_checked_at"), "blobs")
    op.drop_column("blobs", "damage")
    op.drop_column("blobs", "checked_at")
    op.drop_index("ix_manifest_references_repository_id", "manifest_references")
    op.drop_column("manifest_references", "repository_id")
    op.create_index(op.f("ix_manifest_references_digest"), "manifest_references", ["digest"])
    op.drop_column("repositories", "deleted_by")
    op.add_column("repository_blobs", sa.Column("linked_at", sa.BigInteger(), nullable=False, server_default="0"))
    # What was deleted and could still be restored would come back.
    op.execute("DELETE FROM manifests WHERE deleted_at IS NOT NULL")
    for table, column in MARKS:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
        op.drop_column(table, column)
