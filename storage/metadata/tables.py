"""The schema: content, and who may do what with it. The second page, `management_tables`, has what people manage.

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
    text,
)
from sqlalchemy.dialects import postgresql

Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Id = BigInteger().with_variant(Integer, "sqlite")

EMPTY, EMPTY_OBJECT = text("''"), text("'{}'")
FALSE = text("false")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _mark(name: str) -> Column[int | None]:
    """The time since which something is a candidate for cleaning up; null for all that is in use."""
    return Column(name, BigInteger)


def _marked(table: str, column: str) -> Index:
    is_set = text(f"{column} IS NOT NULL")
    return Index(f"ix_{table}_{column}", column, sqlite_where=is_set, postgresql_where=is_set)


def _of_known(name: str, *columns: str) -> Index:
    is_known = text("known_since IS NOT NULL")
    return Index(name, *columns, sqlite_where=is_known, postgresql_where=is_known)


_HAS_NO_KIND, _IS_LIVE, _IS_LOST = text("kind IS NULL"), text("deleted_at IS NULL"), text("deleted_at IS NOT NULL")
_IS_GONE = text("digest IS NULL")


def _listed(name: str, column: str) -> Index:
    columns = ("repository_id", column, "id", "untagged_at", "subject")
    return Index(name, *columns, sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)


def reference(column: str, ondelete: str = "CASCADE") -> ForeignKey:
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
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    # An account may be signed in to by its address too.
    Column("email", Name),
    Column("real_name", Text, nullable=False, server_default=EMPTY),
    Column("comment", Text, nullable=False, server_default=EMPTY),
    # Who vouches for the account: `local` (its password), `ldap` or `oidc`; and by which name it is known there.
    Column("source", Text, nullable=False, server_default="local"),
    Column("external_id", Name),
    # Whether it is an administrator because of a group, and so only for as long as it is in that.
    Column("is_group_admin", Boolean, nullable=False, server_default=FALSE),
    Index("ix_users_email", "email", unique=True),
    Index("ix_users_external_id", "external_id", unique=True),
    sqlite_autoincrement=True,
)

projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("is_public", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Most bytes that `used_bytes` may come to; null for no limit.
    Column("quota_bytes", BigInteger),
    # Distinct blobs that its repositories have links to, and manifests; also deleted ones that can be restored.
    Column("used_bytes", BigInteger, nullable=False, server_default="0"),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    # Whoever made it; null for commands. Not a reference: it outlives the account.
    Column("owner_id", Id),
    # JSON: settings beside these columns, by Harbor's names and with texts as values; and CVEs that are no concern.
    Column("settings", Text, nullable=False, server_default=EMPTY_OBJECT),
    Column("cve_allowlist", Text, nullable=False, server_default=EMPTY_OBJECT),
    # What it is for, in Markdown.
    Column("description", Text, nullable=False, server_default=EMPTY),
    Index("ix_projects_public", "id", sqlite_where=text("is_public = 1"), postgresql_where=text("is_public")),
    sqlite_autoincrement=True,
)

# A user or a group, one of the two, and the role that it has in a project.
members = Table(
    "members",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), nullable=False),
    Column("user_id", Id, reference("users.id"), index=True),
    Column("group_id", Id, reference("user_groups.id"), index=True),
    Column("role", Integer, nullable=False),
    # When, and the name of whoever did it; null for what nobody knows.
    Column("added_at", BigInteger),
    Column("added_by", Text),
    UniqueConstraint("project_id", "user_id"),
    UniqueConstraint("project_id", "group_id", name="uq_members_project_id_group_id"),
    sqlite_autoincrement=True,
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, reference("projects.id"), nullable=False),
    # The whole name, project included: lists are in its order.
    Column("name", Name, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    # When it was last deleted as a whole, with each manifest that it had then, and by whom; null once it is restored.
    Column("deleted_at", BigInteger),
    Column("deleted_by", Text),
    Column("updated_at", BigInteger, nullable=False, server_default="0"),
    Column("description", Text, nullable=False, server_default=EMPTY),
    Column("pull_count", BigInteger, nullable=False, server_default="0"),
    # That are not deleted.
    Column("manifest_count", Integer, nullable=False, server_default="0"),
    # From its first manifest on until it is deleted as a whole; it is shown, though it be empty, unless this is null.
    Column("known_since", BigInteger),
    _marked("repositories", "deleted_at"),
    # For lists of all that are shown. Each has the name and the project, so that looking for a part of a name, and for
    # what somebody may see, reads an index alone: SQLite takes the narrowest of them, and would read every row.
    _of_known("ix_repositories_by_name", "name", "project_id"),
    _of_known("ix_repositories_by_created_at", "created_at", "id", "name", "project_id"),
    _of_known("ix_repositories_by_updated_at", "updated_at", "id", "name", "project_id"),
    _of_known("ix_repositories_by_pull_count", "pull_count", "id", "name", "project_id"),
    Index("ix_repositories_project_id", "project_id", "known_since", "created_at", "name"),
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
    # Since when no repository has it.
    _mark("unlinked_at"),
    # When its bytes were last read and found right, and what was wrong with them: such a blob is not served.
    Column("checked_at", BigInteger, index=True),
    Column("damage", Text),
    _marked("blobs", "unlinked_at"),
    sqlite_autoincrement=True,
)

# What is in a layer, packed (`registry.oci.layers`); null where the layer cannot be read, for that reason.
layer_indexes = Table(
    "layer_indexes",
    metadata,
    Column("blob_id", Id, reference("blobs.id"), primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("content", LargeBinary),
    Column("reason", Text),
)

# A repository has a blob only by such a link: content is never reachable by its digest alone.
repository_blobs = Table(
    "repository_blobs",
    metadata,
    Column("repository_id", Id, reference("repositories.id"), primary_key=True),
    Column("blob_id", Id, reference("blobs.id", "RESTRICT"), primary_key=True, index=True),
    # When somebody last asked for a blob that no manifest of the repository names: a manifest may be about to.
    _mark("leased_at"),
    _marked("repository_blobs", "leased_at"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", Id, reference("repositories.id"), nullable=False),
    Column("digest", Name, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("artifact_type", Name),
    Column("subject", Name),
    # JSON object, kept apart from the content because lists of referrers repeat it.
    Column("annotations", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # Since when it is gone for everybody, though it can still be restored.
    _mark("deleted_at"),
    # Since when no tag points to it.
    _mark("untagged_at"),
    # What it is, as Harbor calls it (`IMAGE`, `CHART`, ...); the type of its config; bytes with all that it names.
    Column("kind", Text),
    Column("config_media_type", Text),
    Column("total_size", BigInteger),
    _marked("manifests", "deleted_at"),
    _marked("manifests", "untagged_at"),
    UniqueConstraint("repository_id", "digest"),
    Index("ix_manifests_subject", "repository_id", "subject", "digest"),
    # For lists of what was deleted from a repository.
    Index("ix_manifests_lost", "repository_id", "deleted_at", sqlite_where=_IS_LOST, postgresql_where=_IS_LOST),
    # For lists of what is in it, the newest or the largest first, with what tells whether it is listed: to read that of
    # each manifest, with its content in the way, takes thirty times as long.
    _listed("ix_manifests_listed", "created_at"),
    _listed("ix_manifests_sized", "total_size"),
    Index("ix_manifests_largest", "total_size", sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE),
    # In whichever repositories.
    Index("ix_manifests_digest", "digest"),
    Index("ix_manifests_natureless", "id", sqlite_where=_HAS_NO_KIND, postgresql_where=_HAS_NO_KIND),
    sqlite_autoincrement=True,
)

# What a manifest names: blobs and, for an index, manifests. By digest, since a sparse index names what is not here.
manifest_references = Table(
    "manifest_references",
    metadata,
    Column("manifest_id", Id, reference("manifests.id"), primary_key=True),
    Column("digest", Name, primary_key=True),
    Column("is_manifest", Boolean, nullable=False),
    # The manifest's: what many repositories share, such as a base layer, is looked for in one of them.
    Column("repository_id", Id, nullable=False),
    Index("ix_manifest_references_repository_id", "repository_id", "digest"),
)

tags = Table(
    "tags",
    metadata,
    Column("repository_id", Id, reference("repositories.id"), primary_key=True),
    Column("name", Name, primary_key=True),
    Column("manifest_id", Id, reference("manifests.id"), nullable=False, index=True),
    Column("updated_at", BigInteger, nullable=False),
    Column("pulled_at", BigInteger),
    # Where it stands among others as people read them (`natural`).
    Column("sort_key", Name, nullable=False, server_default=EMPTY),
    # For lists of them, the newest first, and as people read them.
    Index("ix_tags_pushed", "repository_id", "updated_at", "name"),
    Index("ix_tags_natural", "repository_id", "sort_key", "name"),
)

# What became of each tag: the digest that it pointed to from then on, null when it was removed.
tag_changes = Table(
    "tag_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repository_id", Id, reference("repositories.id"), nullable=False),
    Column("tag", Name, nullable=False),
    Column("digest", Name),
    # Whoever did it, by the name of that time; null for commands, and where there are no accounts.
    Column("user_name", Text),
    Column("changed_at", BigInteger, nullable=False),
    Index("ix_tag_changes_tag", "repository_id", "tag", "id"),
    # For lists of what was removed lately.
    Index("ix_tag_changes_removed", "repository_id", "changed_at", sqlite_where=_IS_GONE, postgresql_where=_IS_GONE),
    sqlite_autoincrement=True,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Name, primary_key=True),
    Column("repository_id", Id, reference("repositories.id"), nullable=False, index=True),
    # Whoever began the session; nobody where no accounts exist. Not a reference: the staged bytes outlive an account.
    Column("user_id", Id, index=True),
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
    Column("size", BigInteger, nullable=False, server_default="0"),
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

clean_ups = Table(
    "clean_ups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("error", Text),
    # What went: numbers of each, and the bytes of the objects that were deleted.
    Column("manifests", BigInteger, nullable=False),
    Column("links", BigInteger, nullable=False),
    Column("blobs", BigInteger, nullable=False),
    Column("uploads", BigInteger, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("freed_bytes", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# How often manifests of a project were pushed and pulled on a day; days count from 1970, in UTC.
daily_counts = Table(
    "daily_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Id, reference("projects.id"), primary_key=True, index=True),
    Column("pushes", BigInteger, nullable=False),
    Column("pulls", BigInteger, nullable=False),
)

# How full the disk of the blobs was on a day; without a total where the blobs are in a service.
disk_samples = Table(
    "disk_samples",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("used_bytes", BigInteger, nullable=False),
    Column("total_bytes", BigInteger),
)

# Work that one process at a time does, and until when it is that process's.
leases = Table(
    "leases",
    metadata,
    Column("name", Name, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

# What there is one of, such as the registry's own identifier.
facts = Table(
    "facts",
    metadata,
    Column("name", Name, primary_key=True),
    Column("value", Text, nullable=False),
)

# The transfers that each process is at, while somebody watches: JSON of `registry.core.transfers`.
transfer_reports = Table(
    "transfer_reports",
    metadata,
    Column("process", Name, primary_key=True),
    Column("reported_at", BigInteger, nullable=False),
    Column("transfers", Text, nullable=False),
)

# How often something has changed on which answers depend that were given: see the module of that name.
generations = Table(
    "generations",
    metadata,
    Column("subject", Name, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
