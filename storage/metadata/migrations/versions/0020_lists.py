"""Tags are listed in the order in which people read them, and artifacts by what indexes alone tell."""

import sqlalchemy as sa
from alembic import op

from storage.metadata.natural import sort_key

revision = "0020"
down_revision = "0019"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
_BATCH = 20_000


def upgrade() -> None:
    op.add_column("tags", sa.Column("sort_key", Name, server_default=sa.text("''"), nullable=False))
    _fill(op.get_bind())
    op.create_index("ix_tags_natural", "tags", ["repository_id", "sort_key", "name"])
    op.drop_index("ix_manifests_listed", "manifests")
    _list("ix_manifests_listed", "created_at")
    _list("ix_manifests_sized", "total_size")


def _list(name: str, column: str) -> None:
    columns, is_live = ["repository_id", column, "id", "untagged_at", "subject"], sa.text("deleted_at IS NULL")
    op.create_index(name, "manifests", columns, sqlite_where=is_live, postgresql_where=is_live)


def _fill(tx: sa.Connection) -> None:
    tags = sa.table("tags", sa.column("repository_id"), sa.column("name"), sa.column("sort_key"))
    own = (tags.c.repository_id == sa.bindparam("repository"), tags.c.name == sa.bindparam("tag"))
    change = sa.update(tags).where(*own).values(sort_key=sa.bindparam("key"))
    listed = sa.select(tags.c.repository_id, tags.c.name).order_by(tags.c.repository_id, tags.c.name).limit(_BATCH)
    place = sa.tuple_(tags.c.repository_id, tags.c.name)
    found = tx.execute(listed).all()
    while found:
        tx.execute(change, [{"repository": row[0], "tag": row[1], "key": sort_key(row[1])} for row in found])
        found = tx.execute(listed.where(place > tuple(found[-1]))).all()
