"""Audit records of one person are found by an index."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_audit_records_user_name", "audit_records", ["user_name", "at"])
