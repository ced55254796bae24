"""Of robots it is known when they last signed in, and from where."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("robots", sa.Column("used_at", sa.BigInteger))
    op.add_column("robots", sa.Column("used_from", sa.Text))
