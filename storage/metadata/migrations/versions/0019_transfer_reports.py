"""Processes tell of the transfers that they are at, while somebody watches."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "transfer_reports",
        sa.Column("process", Name, nullable=False),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
        sa.Column("transfers", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("process", name="pk_transfer_reports"),
    )
