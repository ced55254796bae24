"""An LDAP group is found however its distinguished name is written."""

import sqlalchemy as sa
from alembic import op

from storage.metadata.tables import Name

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("user_groups", sa.Column("dn_key", Name, server_default=sa.text("''"), nullable=False))
    # Nobody has come from a directory yet: these are the names that administrators have typed.
    op.execute("UPDATE user_groups SET dn_key = lower(replace(ldap_dn, ', ', ','))")
