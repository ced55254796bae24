"""The largest artifacts are found without looking at all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    is_live = sa.text("deleted_at IS NULL")
    op.create_index("ix_manifests_largest", "manifests", ["total_size"], sqlite_where=is_live, postgresql_where=is_live)
