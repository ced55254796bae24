"""Tags that were removed lately are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    is_gone = sa.text("digest IS NULL")
    op.create_index(
        "ix_tag_changes_removed",
        "tag_changes",
        ["repository_id", "changed_at"],
        sqlite_where=is_gone,
        postgresql_where=is_gone,
    )
