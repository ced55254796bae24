"""Pushes and pulls are counted by the day, and how full the disk is."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "daily_counts",
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("pushes", sa.BigInteger, nullable=False),
        sa.Column("pulls", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_daily_counts_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("day", "project_id", name="pk_daily_counts"),
    )
    op.create_index("ix_daily_counts_project_id", "daily_counts", ["project_id"])
    op.create_table(
        "disk_samples",
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("used_bytes", sa.BigInteger, nullable=False),
        sa.Column("total_bytes", sa.BigInteger),
        sa.PrimaryKeyConstraint("day", name="pk_disk_samples"),
    )
