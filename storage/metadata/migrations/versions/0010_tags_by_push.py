"""Tags of a repository are listed in the order of their pushes by an index, and so is what was deleted from one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_tags_pushed", "tags", ["repository_id", "updated_at", "name"])
    is_lost = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_manifests_lost",
        "manifests",
        ["repository_id", "deleted_at"],
        sqlite_where=is_lost,
        postgresql_where=is_lost,
    )
