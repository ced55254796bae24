"""Long lists are counted by indexes alone, and records of who did what are counted when they are written."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
KNOWN = {
    "ix_repositories_by_name": ["name", "project_id"],
    "ix_repositories_by_created_at": ["created_at", "id", "name", "project_id"],
    "ix_repositories_by_updated_at": ["updated_at", "id", "name", "project_id"],
    "ix_repositories_by_pull_count": ["pull_count", "id", "name", "project_id"],
}
KINDS = ["operation", "resource_type", "user_name", "succeeded"]


def upgrade() -> None:
    op.drop_index("ix_repositories_updated_at", "repositories")
    for name, columns in KNOWN.items():
        if name != "ix_repositories_by_updated_at":
            op.drop_index(name, "repositories")
        is_known = sa.text("known_since IS NOT NULL")
        op.create_index(name, "repositories", columns, sqlite_where=is_known, postgresql_where=is_known)
    op.drop_index("ix_repositories_project_id", "repositories")
    op.create_index("ix_repositories_project_id", "repositories", ["project_id", "known_since", "created_at", "name"])
    sqlite, postgresql = sa.text("is_public = 1"), sa.text("is_public")
    op.create_index("ix_projects_public", "projects", ["id"], sqlite_where=sqlite, postgresql_where=postgresql)
    op.drop_index("ix_audit_records_project_id", "audit_records")
    op.create_index("ix_audit_records_project_id", "audit_records", ["project_id", "at", *KINDS, "resource"])
    op.create_table(
        "audit_counts",
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("operation", Name, nullable=False),
        sa.Column("resource_type", Name, nullable=False),
        sa.Column("user_name", Name, nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", *KINDS, name="pk_audit_counts"),
        sqlite_with_rowid=False,
    )
    kinds = ", ".join(KINDS)
    op.execute(
        f"INSERT INTO audit_counts (day, {kinds}, records)"  # noqa: S608 -- our constants
        f" SELECT at / 86400000 AS day, {kinds}, count(*) FROM audit_records GROUP BY 1, {kinds}"
    )
