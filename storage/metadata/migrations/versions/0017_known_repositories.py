"""A repository stays known when it is empty, until it is deleted as a whole."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

INDEXES = {
    "ix_repositories_by_name": ["name"],
    "ix_repositories_by_created_at": ["created_at", "id", "name"],
    "ix_repositories_by_pull_count": ["pull_count", "id", "name"],
}


def upgrade() -> None:
    op.add_column("repositories", sa.Column("known_since", sa.BigInteger(), nullable=True))
    op.execute("UPDATE repositories SET known_since = created_at WHERE manifest_count > 0")
    is_known = sa.text("known_since IS NOT NULL")
    for name, columns in INDEXES.items():
        op.drop_index(name, "repositories")
        op.create_index(name, "repositories", columns, sqlite_where=is_known, postgresql_where=is_known)
