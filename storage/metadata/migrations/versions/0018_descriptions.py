"""Projects have a description, and of members it is known when and by whom they were added."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("projects", sa.Column("description", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("members", sa.Column("added_at", sa.BigInteger))
    op.add_column("members", sa.Column("added_by", sa.Text))
