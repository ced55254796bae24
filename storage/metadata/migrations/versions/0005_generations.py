"""SQLite counts the changes that could make the answer to a pull untrue."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")

WATCHED = {
    "users": ["name", "is_admin", "is_disabled", "credential_version"],
    "robots": ["name", "project_id", "permissions", "secret_version", "expires_at", "is_disabled"],
    "access_tokens": ["user_id", "permissions", "expires_at"],
    "group_members": ["user_id", "group_id"],
    "projects": ["name", "is_public", "settings", "cve_allowlist"],
    "members": ["project_id", "user_id", "group_id", "role"],
    "repositories": ["project_id", "name"],
    "manifests": ["repository_id", "digest", "media_type", "size", "content", "deleted_at"],
    "tags": ["repository_id", "name", "manifest_id"],
    "blobs": ["digest", "size", "location", "damage"],
    "repository_blobs": ["repository_id", "blob_id"],
    "signing_keys": ["id", "private_pem"],
    "settings": ["name", "value"],
}
COUNT = (
    "BEGIN INSERT INTO generations (subject, number) VALUES ('pulls', 1)"
    " ON CONFLICT (subject) DO UPDATE SET number = number + 1; END"
)


def upgrade() -> None:
    op.create_table(
        "generations",
        sa.Column("subject", Name, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_generations")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _watch()


def _watch() -> None:
    for table, columns in WATCHED.items():
        deleted = "WHEN OLD.deleted_at IS NULL" if table == "manifests" else ""
        changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
        op.execute(f"CREATE TRIGGER generation_{table}_delete AFTER DELETE ON {table} {deleted} {COUNT}")
        op.execute(
            f"CREATE TRIGGER generation_{table}_update AFTER UPDATE OF {', '.join(columns)} ON {table}"
            f" WHEN {changed} {COUNT}"
        )
    op.execute(f"CREATE TRIGGER generation_settings_insert AFTER INSERT ON settings {COUNT}")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in WATCHED:
            op.execute(f"DROP TRIGGER generation_{table}_delete")
            op.execute(f"DROP TRIGGER generation_{table}_update")
        op.execute("DROP TRIGGER generation_settings_insert")
    op.drop_table("generations")
