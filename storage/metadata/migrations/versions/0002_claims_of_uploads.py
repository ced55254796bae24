"""Sessions whose store has no locks are claimed in their row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("claim", sa.Text(), nullable=True))
    op.add_column("uploads", sa.Column("claimed_until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "claimed_until")
    op.drop_column("uploads", "claim")
