"""Who is an administrator because of a group is told from who was made one by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("users", sa.Column("is_group_admin", sa.Boolean(), server_default=sa.text("false"), nullable=False))
