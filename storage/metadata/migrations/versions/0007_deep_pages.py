"""Audit records of one kind are found by an index, and so are repositories in the order of their pulls."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("ix_audit_records_operation", "audit_records", ["operation", "at"])
    op.drop_index("ix_repositories_pull_count", "repositories")
    is_known = sa.text("manifest_count > 0")
    op.create_index(
        "ix_repositories_by_pull_count",
        "repositories",
        ["pull_count", "id"],
        sqlite_where=is_known,
        postgresql_where=is_known,
    )
