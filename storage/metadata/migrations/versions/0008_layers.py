"""What is in the layers of images is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "layer_indexes",
        sa.Column("blob_id", Id, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"], name="fk_layer_indexes_blob_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("blob_id", name="pk_layer_indexes"),
    )
