"""An artifact is found by its digest in whichever repositories have it."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_index("ix_manifests_digest", "manifests", ["digest"])
