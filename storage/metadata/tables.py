"""The schema on one page.

Times are UTC, in milliseconds since 1970. Names and digests compare bytewise on every engine. Identifiers are never
reused, so a token or a session that names one can never mean its successor.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql

Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Id = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _reference(column: str, ondelete: str = "CASCADE") -> ForeignKey:
    return ForeignKey(column, ondelete=ondelete)


users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    # Grows with every change of password or standing: what was issued for an older version is void.
    Column("credential_version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("is_public", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

members = Table(
    "members",
    metadata,
    Column("project_id", Id, _reference("projects.id"), primary_key=True),
    Column("user_id", Id, _reference("users.id"), primary_key=True, index=True),
    Column("role", Integer, nullable=False),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, _reference("projects.id"), nullable=False, index=True),
    # The whole name, project included: lists are in its order.
    Column("name", Name, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

blobs = Table(
    "blobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", Name, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    # The object of the blob store; no other row ever names it, not even after this one is gone.
    Column("location", Name, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# A repository has a blob only by such a link: content is never reachable by its digest alone.
repository_blobs = Table(
    "repository_blobs",
    metadata,
    Column("repository_id", Id, _reference("repositories.id"), primary_key=True),
    Column("blob_id", Id, _reference("blobs.id", "RESTRICT"), primary_key=True, index=True),
    Column("linked_at", BigInteger, nullable=False),
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", Id, _reference("repositories.id"), nullable=False),
    Column("digest", Name, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("artifact_type", Name),
    Column("subject", Name),
    # JSON object, kept apart from the content because lists of referrers repeat it.
    Column("annotations", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("repository_id", "digest"),
    Index("ix_manifests_subject", "repository_id", "subject", "digest"),
    sqlite_autoincrement=True,
)

# What a manifest names: blobs and, for an index, manifests. By digest, since a sparse index names what is not here.
manifest_references = Table(
    "manifest_references",
    metadata,
    Column("manifest_id", Id, _reference("manifests.id"), primary_key=True),
    Column("digest", Name, primary_key=True, index=True),
    Column("is_manifest", Boolean, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("repository_id", Id, _reference("repositories.id"), primary_key=True),
    Column("name", Name, primary_key=True),
    Column("manifest_id", Id, _reference("manifests.id"), nullable=False, index=True),
    Column("updated_at", BigInteger, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Name, primary_key=True),
    Column("repository_id", Id, _reference("repositories.id"), nullable=False, index=True),
    # Whoever began the session; nobody where no accounts exist. Not a reference: the staged bytes outlive an account.
    Column("user_id", Id),
    Column("staged", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("algorithm", Text, nullable=False),
    # Digest of the first `size` bytes, where the process that received them knew it.
    Column("digest", Text),
    Column("expires_at", BigInteger, nullable=False, index=True),
    # Who writes to the session, and until when that holds; for stores that cannot keep a second writer out themselves.
    Column("claim", Text),
    Column("claimed_until", BigInteger),
)

# Objects that no blob names any more and that are still to be deleted from the store.
tombstones = Table(
    "tombstones",
    metadata,
    Column("location", Name, primary_key=True),
    Column("delete_after", BigInteger, nullable=False, index=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Name, primary_key=True),
    Column("private_pem", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("origin", Name, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False, index=True),
)
