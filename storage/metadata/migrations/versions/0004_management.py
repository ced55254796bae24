"""What it takes to manage a registry: more of people and projects, robots, rules, records of what was done."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Name = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
EMPTY, EMPTY_OBJECT = sa.text("''"), sa.text("'{}'")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ADDED = [
    ("manifests", "kind"),
    ("manifests", "config_media_type"),
    ("manifests", "total_size"),
    ("projects", "updated_at"),
    ("projects", "owner_id"),
    ("projects", "settings"),
    ("projects", "cve_allowlist"),
    ("repositories", "updated_at"),
    ("repositories", "description"),
    ("repositories", "pull_count"),
    ("repositories", "manifest_count"),
    ("tags", "pulled_at"),
    ("users", "updated_at"),
    ("users", "email"),
    ("users", "real_name"),
    ("users", "comment"),
    ("users", "source"),
    ("users", "external_id"),
]

LISTED = {"ix_repositories_by_name": ["name"], "ix_repositories_by_created_at": ["created_at", "id", "name"]}
SORTED = {"ix_repositories_updated_at": ["updated_at", "id"], "ix_repositories_pull_count": ["pull_count", "id"]}


def upgrade() -> None:
    _accounts()
    _rules()
    _work()
    _members()
    _columns()


def _accounts() -> None:
    op.create_table(
        "settings",
        sa.Column("name", Name, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "user_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("ldap_dn", Name, server_default=EMPTY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_groups")),
        sa.UniqueConstraint("kind", "name", "ldap_dn", name=op.f("uq_user_groups_kind_name_ldap_dn")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "access_tokens",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("secret_hash", Name, nullable=False),
        sa.Column("permissions", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("used_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_access_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_access_tokens_secret_hash")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_access_tokens_user_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_access_tokens_user_id"), "access_tokens", ["user_id"])
    op.create_table(
        "group_members",
        sa.Column("user_id", Id, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["user_groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_group_members_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_group_id"), "group_members", ["group_id"])
    op.create_table(
        "robots",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("duration_days", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("creator_kind", sa.Text(), nullable=False),
        sa.Column("creator_id", Id, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_robots_project_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_robots")),
        sa.UniqueConstraint("name", name=op.f("uq_robots_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_robots_project_id"), "robots", ["project_id"])
    op.create_table(
        "sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("secret_hash", Name, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("credential_version", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sessions_secret_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])


def _rules() -> None:
    op.create_table(
        "immutable_rules",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_immutable_rules_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_immutable_rules")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_immutable_rules_project_id"), "immutable_rules", ["project_id"])
    op.create_table(
        "labels",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("color", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_labels_project_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labels")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_labels_project_id"), "labels", ["project_id"])
    op.create_table(
        "retention_policies",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_retention_policies_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_policies")),
        sa.UniqueConstraint("project_id", name=op.f("uq_retention_policies_project_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_policies",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("targets", sa.Text(), nullable=False),
        sa.Column("event_types", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_webhook_policies_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_policies")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_webhook_policies_project_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "artifact_details",
        sa.Column("manifest_id", Id, nullable=False),
        sa.Column("attributes", sa.Text()),
        sa.Column("pulled_at", sa.BigInteger()),
        sa.Column("pull_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_artifact_details_manifest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("manifest_id", name=op.f("pk_artifact_details")),
    )
    op.create_table(
        "manifest_labels",
        sa.Column("manifest_id", Id, nullable=False),
        sa.Column("label_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["label_id"], ["labels.id"], name=op.f("fk_manifest_labels_label_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_manifest_labels_manifest_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("manifest_id", "label_id", name=op.f("pk_manifest_labels")),
    )
    op.create_index(op.f("ix_manifest_labels_label_id"), "manifest_labels", ["label_id"])


def _work() -> None:
    op.create_table(
        "audit_records",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("project_id", Id),
        sa.Column("user_name", Name, nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource", Name, nullable=False),
        sa.Column("description", sa.Text(), server_default=EMPTY, nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_records")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_records_at"), "audit_records", ["at"])
    op.create_index("ix_audit_records_project_id", "audit_records", ["project_id", "at"])
    op.create_table(
        "executions",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", Name, nullable=False),
        sa.Column("vendor_id", Id, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), server_default=EMPTY, nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), server_default=EMPTY_OBJECT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_executions_vendor", "executions", ["vendor", "vendor_id", "id"])
    op.create_table(
        "schedules",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", Name, nullable=False),
        sa.Column("vendor_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("vendor", "vendor_id", name=op.f("uq_schedules_vendor_vendor_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_schedules_next_at"), "schedules", ["next_at"])
    op.create_table(
        "tasks",
        sa.Column("id", Id, nullable=False),
        sa.Column("execution_id", Id, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), server_default=EMPTY, nullable=False),
        sa.Column("attributes", sa.Text(), server_default=EMPTY_OBJECT, nullable=False),
        sa.Column("log", sa.Text(), server_default=EMPTY, nullable=False),
        sa.Column("run_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_tasks_execution_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_tasks_due_at",
        "tasks",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_tasks_execution_id"), "tasks", ["execution_id"])


def _members() -> None:
    # Made anew: SQLite gives a table no other primary key.
    op.execute("CREATE TABLE old_members AS SELECT * FROM members")
    op.drop_table("members")
    op.create_table(
        "members",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Id, nullable=False),
        sa.Column("user_id", Id),
        sa.Column("group_id", Id),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_members_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["user_groups.id"], name=op.f("fk_members_group_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("project_id", "user_id", name=op.f("uq_members_project_id_user_id")),
        sa.UniqueConstraint("project_id", "group_id", name=op.f("uq_members_project_id_group_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"])
    op.create_index(op.f("ix_members_group_id"), "members", ["group_id"])
    op.execute(
        "INSERT INTO members (project_id, user_id, role) SELECT project_id, user_id, role FROM old_members"
        " ORDER BY project_id, user_id"
    )
    op.drop_table("old_members")


def _columns() -> None:
    op.add_column("manifests", sa.Column("kind", sa.Text()))
    op.add_column("manifests", sa.Column("config_media_type", sa.Text()))
    op.add_column("manifests", sa.Column("total_size", sa.BigInteger()))
    op.add_column("projects", sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("projects", sa.Column("owner_id", Id))
    op.add_column("projects", sa.Column("settings", sa.Text(), server_default=EMPTY_OBJECT, nullable=False))
    op.add_column("projects", sa.Column("cve_allowlist", sa.Text(), server_default=EMPTY_OBJECT, nullable=False))
    op.add_column("repositories", sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("repositories", sa.Column("description", sa.Text(), server_default=EMPTY, nullable=False))
    op.add_column("repositories", sa.Column("pull_count", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("repositories", sa.Column("manifest_count", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tags", sa.Column("pulled_at", sa.BigInteger()))
    op.add_column("users", sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("users", sa.Column("email", Name))
    op.add_column("users", sa.Column("real_name", sa.Text(), server_default=EMPTY, nullable=False))
    op.add_column("users", sa.Column("comment", sa.Text(), server_default=EMPTY, nullable=False))
    op.add_column("users", sa.Column("source", sa.Text(), server_default="local", nullable=False))
    op.add_column("users", sa.Column("external_id", Name))
    op.create_index(
        "ix_manifests_listed",
        "manifests",
        ["repository_id", "created_at", "id"],
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_manifests_natureless",
        "manifests",
        ["id"],
        sqlite_where=sa.text("kind IS NULL"),
        postgresql_where=sa.text("kind IS NULL"),
    )
    op.execute(
        "UPDATE repositories SET manifest_count = (SELECT count(*) FROM manifests"
        " WHERE manifests.repository_id = repositories.id AND manifests.deleted_at IS NULL)"
    )
    for name, columns in LISTED.items():
        is_known = sa.text("manifest_count > 0")
        op.create_index(name, "repositories", columns, sqlite_where=is_known, postgresql_where=is_known)
    for name, columns in SORTED.items():
        op.create_index(name, "repositories", columns)
    op.create_index("ix_users_email", "users", ["email"], unique=True)
    op.create_index("ix_users_external_id", "users", ["external_id"], unique=True)
    op.execute("UPDATE users SET updated_at = created_at")
    op.execute("UPDATE projects SET updated_at = created_at")
    op.execute("UPDATE repositories SET updated_at = created_at")


def downgrade() -> None:
    op.execute("CREATE TABLE old_members AS SELECT project_id, user_id, role FROM members WHERE user_id IS NOT NULL")
    op.drop_table("members")
    op.create_table(
        "members",
        sa.Column("project_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_members_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"])
    op.execute("INSERT INTO members SELECT * FROM old_members")
    op.drop_table("old_members")
    for table in (
        "manifest_labels",
        "artifact_details",
        "webhook_policies",
        "tasks",
        "sessions",
        "robots",
        "retention_policies",
        "labels",
        "immutable_rules",
        "group_members",
        "access_tokens",
        "user_groups",
        "settings",
        "schedules",
        "executions",
        "audit_records",
    ):
        op.drop_table(table)
    op.drop_index("ix_users_external_id", "users")
    op.drop_index("ix_users_email", "users")
    for name in (*LISTED, *SORTED):
        op.drop_index(name, "repositories")
    op.drop_index("ix_manifests_natureless", "manifests")
    op.drop_index("ix_manifests_listed", "manifests")
    for table, column in ADDED:
        op.drop_column(table, column)
