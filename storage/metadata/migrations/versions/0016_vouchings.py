"""People who come from elsewhere are asked for there now and then."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "vouchings",
        sa.Column("user_id", Id, nullable=False, autoincrement=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger, nullable=False),
        sa.Column("is_gone", sa.Boolean, nullable=False),
        sa.Column("provider_token", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_vouchings_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_vouchings"),
    )
