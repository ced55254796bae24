"""The management API, put together."""

from registry.api.access_tokens import AccessTokenEndpoints
from registry.api.additions import AdditionEndpoints
from registry.api.allowlists import AllowlistEndpoints
from registry.api.artifacts import ArtifactEndpoints
from registry.api.audit import AuditEndpoints
from registry.api.browsers import BrowserEndpoints
from registry.api.files import FileEndpoints
from registry.api.groups import GroupEndpoints
from registry.api.icons import IconEndpoints
from registry.api.immutable_rules import ImmutableRuleEndpoints
from registry.api.labels import LabelEndpoints
from registry.api.ldap import LdapEndpoints
from registry.api.members import MemberEndpoints
from registry.api.metadatas import MetadataEndpoints
from registry.api.oidc import OidcEndpoints
from registry.api.old_robots import OldRobotEndpoints
from registry.api.projects import ProjectEndpoints
from registry.api.queues import QueueEndpoints
from registry.api.quotas import QuotaEndpoints
from registry.api.reading import DocumentEndpoints
from registry.api.repositories import RepositoryEndpoints
from registry.api.retentions import RetentionEndpoints
from registry.api.robots import RobotEndpoints
from registry.api.rules import AUDIT_PURGES, BASE, CLEAN_UPS, ManagementEndpoints
from registry.api.settings import SettingEndpoints
from registry.api.system import SystemEndpoints
from registry.api.system_jobs import SystemJobEndpoints
from registry.api.users import UserEndpoints
from registry.api.webhooks import WebhookEndpoints
from registry.core.access_tokens import AccessTokens
from registry.core.additions import Additions
from registry.core.allowlists import Allowlists
from registry.core.artifact_changes import ArtifactChanges
from registry.core.audit import Audit
from registry.core.groups import Groups
from registry.core.immutability import ImmutableRules
from registry.core.labels import Labels
from registry.core.members import Memberships
from registry.core.people import People
from registry.core.project_quotas import ProjectQuotas
from registry.core.project_settings import ProjectSettings
from registry.core.queues import Queues
from registry.core.repositories import Repositories
from registry.core.retention import Retention
from registry.core.robots import Robots
from registry.core.schedules import Schedules
from registry.core.system_jobs import audit_purges, clean_ups
from registry.core.webhooks import Webhooks
from registry.parts import Parts


def management(parts: Parts, documents: DocumentEndpoints) -> ManagementEndpoints:
    """Its endpoints, each with the rules behind it."""
    database, robots = parts.database, Robots(parts.database)
    people = People(database)
    oidc = parts.oidc
    settings = parts.settings
    project_settings, memberships = ProjectSettings(database), Memberships(database, parts.ldap)
    artifacts = parts.artifacts
    return ManagementEndpoints(
        documents=documents,
        system=SystemEndpoints(parts.overviews, settings, parts.origin, "filesystem" if parts.blob_folder else "s3"),
        projects=ProjectEndpoints(parts.projects, parts.new_projects, project_settings, memberships),
        metadatas=MetadataEndpoints(project_settings),
        members=MemberEndpoints(memberships),
        groups=GroupEndpoints(Groups(database, parts.ldap)),
        quotas=QuotaEndpoints(ProjectQuotas(database)),
        audit=AuditEndpoints(Audit(database, parts.access)),
        robots=RobotEndpoints(robots, parts.gate),
        old_robots=OldRobotEndpoints(robots),
        labels=LabelEndpoints(Labels(database), parts.gate),
        clean_ups=SystemJobEndpoints(clean_ups(database), BASE + CLEAN_UPS),
        audit_purges=SystemJobEndpoints(audit_purges(database), BASE + AUDIT_PURGES),
        webhooks=WebhookEndpoints(Webhooks(database)),
        queues=QueueEndpoints(Queues(database), Schedules(database)),
        users=UserEndpoints(people, parts.sign_ins, parts.gate, parts.browsers),
        browsers=BrowserEndpoints(parts.sign_ins, parts.browsers, parts.origin, people, oidc),
        oidc=OidcEndpoints(oidc, parts.sign_ins, parts.browsers, parts.origin),
        ldap=LdapEndpoints(parts.ldap),
        access_tokens=AccessTokenEndpoints(AccessTokens(database), parts.sessions),
        settings=SettingEndpoints(settings),
        allowlists=AllowlistEndpoints(Allowlists(database)),
        repositories=RepositoryEndpoints(Repositories(database, access=parts.access)),
        artifacts=ArtifactEndpoints(artifacts, ArtifactChanges(database), parts.gate),
        additions=AdditionEndpoints(Additions(database, artifacts), artifacts),
        files=FileEndpoints(parts.files),
        icons=IconEndpoints(),
        immutable_rules=ImmutableRuleEndpoints(ImmutableRules(database)),
        retentions=RetentionEndpoints(Retention(database), parts.gate),
    )
