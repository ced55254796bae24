"""Every address of the management API on one page, with what it needs; the order and the names are Harbor's.

`{project}` is a name or a number, `{project_name}` a name alone; `{repository}` is a name without its project.
"""

from dataclasses import dataclass

from registry.api.absent import absent_rows
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
from registry.api.settings import SettingEndpoints
from registry.api.system import SystemEndpoints
from registry.api.system_jobs import SystemJobEndpoints
from registry.api.users import UserEndpoints
from registry.api.webhooks import WebhookEndpoints
from registry.core.oidc import CALLBACK
from registry.web import Entry, Handler, InProject, InSystem, Needs, OfObject, Rule

BASE = "/api/v2.0"
CLEAN_UPS, AUDIT_PURGES = "/system/gc", "/system/purgeaudit"
ARTIFACT = "/projects/{project_name}/repositories/{repository}/artifacts/{reference}"


@dataclass(frozen=True, slots=True)
class ManagementEndpoints:
    documents: DocumentEndpoints
    system: SystemEndpoints
    projects: ProjectEndpoints
    metadatas: MetadataEndpoints
    members: MemberEndpoints
    groups: GroupEndpoints
    quotas: QuotaEndpoints
    audit: AuditEndpoints
    robots: RobotEndpoints
    old_robots: OldRobotEndpoints
    labels: LabelEndpoints
    clean_ups: SystemJobEndpoints
    audit_purges: SystemJobEndpoints
    webhooks: WebhookEndpoints
    queues: QueueEndpoints
    users: UserEndpoints
    browsers: BrowserEndpoints
    oidc: OidcEndpoints
    ldap: LdapEndpoints
    access_tokens: AccessTokenEndpoints
    settings: SettingEndpoints
    allowlists: AllowlistEndpoints
    repositories: RepositoryEndpoints
    artifacts: ArtifactEndpoints
    additions: AdditionEndpoints
    files: FileEndpoints
    icons: IconEndpoints
    immutable_rules: ImmutableRuleEndpoints
    retentions: RetentionEndpoints


def on(method: str, path: str, handler: Handler, *, needs: Needs) -> Rule:
    return Rule(method, BASE + path, handler, needs)


def management_rules(to: ManagementEndpoints) -> list[Rule]:
    """All rows; of two that match, the more special one stands first."""
    return [
        *_system(to),
        *_projects(to),
        *_members(to),
        *_groups_and_quotas(to),
        *_audit(to),
        *_robots(to),
        *_labels(to),
        *_system_jobs(to.clean_ups, CLEAN_UPS, "garbage-collection"),
        *_system_jobs(to.audit_purges, AUDIT_PURGES, "purge-audit"),
        *_webhooks(to),
        *_queues(to.queues),
        *_users(to),
        *_ldap(to.ldap),
        *_access_tokens(to),
        *_repositories(to),
        *_artifacts(to),
        *_immutable_rules(to),
        *_retentions(to),
        *(on(method, path, handler, needs=needs) for method, path, handler, needs in absent_rows(ARTIFACT)),
    ]


def _system(to: ManagementEndpoints) -> list[Rule]:
    return [
        Rule("GET", "/api/version", to.system.version, Entry.ANYBODY),
        Rule("GET", "/api/openapi.json", to.documents.document, Entry.ANYBODY),
        Rule("GET", "/api/docs", to.documents.page, Entry.ANYBODY),
        on("GET", "/ping", to.system.ping, needs=Entry.ANYBODY),
        on("GET", "/health", to.system.health, needs=Entry.ANYBODY),
        on("GET", "/systeminfo", to.system.info, needs=Entry.GUEST),
        on("GET", "/systeminfo/volumes", to.system.volumes, needs=InSystem("system-volumes:read")),
        on("GET", "/systeminfo/getcert", to.system.certificate, needs=Entry.GUEST),
        on("GET", "/statistics", to.system.statistics, needs=Entry.ACCOUNT),
        on("GET", "/search", to.system.search, needs=Entry.GUEST),
        on("GET", "/permissions", to.system.permissions, needs=Entry.ACCOUNT),
        on("GET", "/configurations", to.settings.index, needs=InSystem("configuration:read")),
        on("PUT", "/configurations", to.settings.put, needs=InSystem("configuration:update")),
        on("GET", "/system/CVEAllowlist", to.allowlists.get, needs=Entry.ACCOUNT),
        on("PUT", "/system/CVEAllowlist", to.allowlists.put, needs=InSystem("configuration:update")),
    ]


def _projects(to: ManagementEndpoints) -> list[Rule]:
    project = "/projects/{project}"
    return [
        on("GET", "/projects", to.projects.index, needs=Entry.GUEST),
        on("HEAD", "/projects", to.projects.head, needs=Entry.ACCOUNT),
        on("POST", "/projects", to.projects.post, needs=Entry.ACCOUNT),
        on("GET", project, to.projects.get, needs=InProject("project:read")),
        on("PUT", project, to.projects.put, needs=InProject("project:update")),
        on("DELETE", project, to.projects.delete, needs=InProject("project:delete")),
        on("GET", f"{project}/_deletable", to.projects.deletable, needs=InProject("project:delete")),
        on("GET", f"{project}/summary", to.projects.summary, needs=InProject("project:read")),
        on("GET", f"{project}/metadatas", to.metadatas.index, needs=InProject("metadata:list")),
        on("POST", f"{project}/metadatas", to.metadatas.post, needs=InProject("metadata:create")),
        on("GET", f"{project}/metadatas/{{name}}", to.metadatas.get, needs=InProject("metadata:read")),
        on("PUT", f"{project}/metadatas/{{name}}", to.metadatas.put, needs=InProject("metadata:update")),
        on("DELETE", f"{project}/metadatas/{{name}}", to.metadatas.delete, needs=InProject("metadata:delete")),
    ]


def _members(to: ManagementEndpoints) -> list[Rule]:
    members = "/projects/{project}/members"
    member = members + "/{member_id}"
    return [
        on("GET", members, to.members.index, needs=InProject("member:list")),
        on("POST", members, to.members.post, needs=InProject("member:create")),
        on("GET", member, to.members.get, needs=InProject("member:read")),
        on("PUT", member, to.members.put, needs=InProject("member:update")),
        on("DELETE", member, to.members.delete, needs=InProject("member:delete")),
    ]


def _groups_and_quotas(to: ManagementEndpoints) -> list[Rule]:
    group, quota = "/usergroups/{group_id}", "/quotas/{id}"
    return [
        on("GET", "/usergroups", to.groups.index, needs=InSystem("user-group:list")),
        on("POST", "/usergroups", to.groups.post, needs=InSystem("user-group:create")),
        on("GET", "/usergroups/search", to.groups.search, needs=Entry.ACCOUNT),
        on("GET", group, to.groups.get, needs=InSystem("user-group:read")),
        on("PUT", group, to.groups.put, needs=InSystem("user-group:update")),
        on("DELETE", group, to.groups.delete, needs=InSystem("user-group:delete")),
        on("GET", "/quotas", to.quotas.index, needs=InSystem("quota:list")),
        on("GET", quota, to.quotas.get, needs=InSystem("quota:read")),
        on("PUT", quota, to.quotas.put, needs=InSystem("quota:update")),
    ]


def _audit(to: ManagementEndpoints) -> list[Rule]:
    project = "/projects/{project_name}"
    return [
        on("GET", "/audit-logs", to.audit.index, needs=Entry.ACCOUNT),
        on("GET", "/auditlog-exts", to.audit.index_ext, needs=Entry.ACCOUNT),
        on("GET", "/auditlog-exts/events", to.audit.events, needs=InSystem("audit-log:list")),
        on("GET", f"{project}/logs", to.audit.index_of_project, needs=InProject("log:list")),
        on("GET", f"{project}/auditlog-exts", to.audit.index_ext_of_project, needs=InProject("log:list")),
    ]


def _robots(to: ManagementEndpoints) -> list[Rule]:
    robot, of_project = "/robots/{robot_id}", "/projects/{project}/robots"
    return [
        on("GET", "/robots", to.robots.index, needs=OfObject("robot:list")),
        on("POST", "/robots", to.robots.post, needs=OfObject("robot:create")),
        on("GET", robot, to.robots.get, needs=OfObject("robot:read")),
        on("PUT", robot, to.robots.put, needs=OfObject("robot:update")),
        on("PATCH", robot, to.robots.patch, needs=OfObject("robot:update")),
        on("DELETE", robot, to.robots.delete, needs=OfObject("robot:delete")),
        on("GET", of_project, to.old_robots.index, needs=InProject("robot:list")),
        on("POST", of_project, to.old_robots.post, needs=InProject("robot:create")),
        on("GET", of_project + "/{robot_id}", to.old_robots.get, needs=InProject("robot:read")),
        on("PUT", of_project + "/{robot_id}", to.old_robots.put, needs=InProject("robot:update")),
        on("DELETE", of_project + "/{robot_id}", to.old_robots.delete, needs=InProject("robot:delete")),
    ]


def _labels(to: ManagementEndpoints) -> list[Rule]:
    label, of_artifact = "/labels/{label_id}", f"{ARTIFACT}/labels"
    return [
        on("GET", "/labels", to.labels.index, needs=OfObject("label:list")),
        on("POST", "/labels", to.labels.post, needs=OfObject("label:create")),
        on("GET", label, to.labels.get, needs=OfObject("label:read")),
        on("PUT", label, to.labels.put, needs=OfObject("label:update")),
        on("DELETE", label, to.labels.delete, needs=OfObject("label:delete")),
        on("POST", of_artifact, to.labels.attach, needs=InProject("artifact-label:create")),
        on("DELETE", of_artifact + "/{label_id}", to.labels.detach, needs=InProject("artifact-label:delete")),
    ]


def _system_jobs(jobs: SystemJobEndpoints, path: str, resource: str) -> list[Rule]:
    run, schedule = path + "/{execution_id}", f"{path}/schedule"
    return [
        on("GET", schedule, jobs.get_schedule, needs=InSystem(f"{resource}:read")),
        on("POST", schedule, jobs.post_schedule, needs=InSystem(f"{resource}:create")),
        on("PUT", schedule, jobs.put_schedule, needs=InSystem(f"{resource}:update")),
        on("GET", path, jobs.index, needs=InSystem(f"{resource}:list")),
        on("GET", run, jobs.get, needs=InSystem(f"{resource}:read")),
        on("PUT", run, jobs.stop, needs=InSystem(f"{resource}:stop")),
        on("GET", f"{run}/log", jobs.log, needs=InSystem(f"{resource}:read")),
    ]


def _webhooks(to: ManagementEndpoints) -> list[Rule]:
    base = "/projects/{project}/webhook"
    policy = base + "/policies/{webhook_policy_id}"
    tasks = policy + "/executions/{execution_id}/tasks"
    may_read, may_list = InProject("notification-policy:read"), InProject("notification-policy:list")
    return [
        on("GET", f"{base}/policies", to.webhooks.index, needs=may_list),
        on("POST", f"{base}/policies", to.webhooks.post, needs=InProject("notification-policy:create")),
        on("GET", policy, to.webhooks.get, needs=may_read),
        on("PUT", policy, to.webhooks.put, needs=InProject("notification-policy:update")),
        on("DELETE", policy, to.webhooks.delete, needs=InProject("notification-policy:delete")),
        on("GET", f"{policy}/executions", to.webhooks.executions, needs=may_read),
        on("GET", tasks, to.webhooks.tasks, needs=may_read),
        on("GET", tasks + "/{task_id}/log", to.webhooks.task_log, needs=may_read),
        on("GET", f"{base}/lasttrigger", to.webhooks.last_triggers, needs=may_read),
        on("GET", f"{base}/jobs", to.webhooks.jobs, needs=may_list),
        on("GET", f"{base}/events", to.webhooks.events, needs=may_read),
    ]


def _queues(to: QueueEndpoints) -> list[Rule]:
    may_look, may_stop = InSystem("jobservice-monitor:list"), InSystem("jobservice-monitor:stop")
    return [
        on("GET", "/jobservice/pools", to.pools, needs=may_look),
        on("GET", "/jobservice/pools/{pool_id}/workers", to.pools, needs=may_look),
        on("GET", "/jobservice/queues", to.queues, needs=may_look),
        on("PUT", "/jobservice/queues/{job_type}", to.put_queue, needs=may_stop),
        on("PUT", "/jobservice/jobs/{job_id}", to.stop_job, needs=may_stop),
        on("GET", "/jobservice/jobs/{job_id}/log", to.job_log, needs=may_look),
        on("GET", "/schedules", to.schedules, needs=may_look),
        on("GET", "/schedules/{job_type}/paused", to.is_paused, needs=Entry.ACCOUNT),
    ]


def _users(to: ManagementEndpoints) -> list[Rule]:
    user = "/users/{user_id}"
    return [
        Rule("POST", "/c/login", to.browsers.log_in, Entry.ANYBODY, hashes=True),
        Rule("GET", "/c/log_out", to.browsers.log_out, Entry.ANYBODY),
        Rule("GET", "/c/oidc/login", to.oidc.log_in, Entry.ANYBODY),
        Rule("GET", CALLBACK, to.oidc.callback, Entry.ANYBODY),
        Rule("POST", "/c/oidc/onboard", to.oidc.onboard, Entry.ANYBODY),
        on("POST", "/system/oidc/ping", to.oidc.ping, needs=InSystem("configuration:update")),
        Rule("POST", "/c/userExists", to.browsers.user_exists, Entry.GUEST),
        on("GET", "/users", to.users.index, needs=InSystem("user:list")),
        on("POST", "/users", to.users.post, needs=Entry.GUEST),
        on("GET", "/users/current", to.users.current, needs=Entry.ACCOUNT),
        on("GET", "/users/current/permissions", to.users.permissions, needs=Entry.ACCOUNT),
        on("GET", "/users/search", to.users.search, needs=Entry.ACCOUNT),
        on("GET", user, to.users.get, needs=OfObject("user:read")),
        on("PUT", user, to.users.put, needs=OfObject("user:update")),
        on("DELETE", user, to.users.delete, needs=InSystem("user:delete")),
        on("PUT", f"{user}/sysadmin", to.users.put_sysadmin, needs=InSystem("user:update")),
        on("PUT", f"{user}/password", to.users.put_password, needs=OfObject("user:update")),
        on("PUT", f"{user}/cli_secret", to.users.put_cli_secret, needs=OfObject("user:update")),
    ]


def _ldap(to: LdapEndpoints) -> list[Rule]:
    return [
        on("POST", "/ldap/ping", to.ping, needs=InSystem("configuration:read")),
        on("GET", "/ldap/users/search", to.people, needs=InSystem("ldap-user:list")),
        on("POST", "/ldap/users/import", to.import_people, needs=InSystem("ldap-user:create")),
        on("GET", "/ldap/groups/search", to.groups, needs=InSystem("ldap-user:list")),
    ]


def _repositories(to: ManagementEndpoints) -> list[Rule]:
    of_project = "/projects/{project_name}/repositories"
    repository = of_project + "/{repository}"
    return [
        on("GET", "/repositories", to.repositories.index, needs=Entry.GUEST),
        on("GET", of_project, to.repositories.index_of_project, needs=InProject("repository:list")),
        on("GET", repository, to.repositories.get, needs=InProject("repository:read")),
        on("PUT", repository, to.repositories.put, needs=InProject("repository:update")),
        on("DELETE", repository, to.repositories.delete, needs=InProject("repository:delete")),
    ]


def _artifacts(to: ManagementEndpoints) -> list[Rule]:
    all_of_them, addition, reports = ARTIFACT.rpartition("/")[0], f"{ARTIFACT}/additions", to.additions.reports
    return [
        on("GET", "/projects/{project}/artifacts", to.artifacts.index_of_project, needs=InProject("artifact:list")),
        on("GET", all_of_them, to.artifacts.index, needs=InProject("artifact:list")),
        on("POST", all_of_them, to.artifacts.copy, needs=InProject("artifact:create")),
        on("GET", ARTIFACT, to.artifacts.get, needs=InProject("artifact:read")),
        on("DELETE", ARTIFACT, to.artifacts.delete, needs=InProject("artifact:delete")),
        on("GET", f"{ARTIFACT}/tags", to.artifacts.tags, needs=InProject("tag:list")),
        on("POST", f"{ARTIFACT}/tags", to.artifacts.add_tag, needs=InProject("tag:create")),
        on("DELETE", ARTIFACT + "/tags/{tag}", to.artifacts.delete_tag, needs=InProject("tag:delete")),
        on("GET", f"{ARTIFACT}/accessories", to.artifacts.accessories, needs=InProject("accessory:list")),
        on("GET", f"{addition}/vulnerabilities", reports, needs=InProject("artifact-addition:read")),
        on("GET", f"{addition}/sbom", reports, needs=InProject("artifact-addition:read")),
        on("GET", f"{addition}/files", to.files.index, needs=InProject("artifact-addition:read")),
        on("GET", f"{addition}/difference", to.files.difference, needs=InProject("artifact-addition:read")),
        on("GET", addition + "/{addition}", to.additions.get, needs=InProject("artifact-addition:read")),
        on("GET", "/icons/{digest}", to.icons.get, needs=Entry.ANYBODY),
    ]


def _immutable_rules(to: ManagementEndpoints) -> list[Rule]:
    of_project = "/projects/{project}/immutabletagrules"
    rule = of_project + "/{rule_id}"
    return [
        on("GET", of_project, to.immutable_rules.index, needs=InProject("immutable-tag:list")),
        on("POST", of_project, to.immutable_rules.post, needs=InProject("immutable-tag:create")),
        on("PUT", rule, to.immutable_rules.put, needs=InProject("immutable-tag:update")),
        on("DELETE", rule, to.immutable_rules.delete, needs=InProject("immutable-tag:delete")),
    ]


def _retentions(to: ManagementEndpoints) -> list[Rule]:
    policy, runs = "/retentions/{policy_id}", "/retentions/{policy_id}/executions"
    run = runs + "/{execution_id}"
    return [
        on("GET", "/retentions/metadatas", to.retentions.metadatas, needs=Entry.ACCOUNT),
        on("POST", "/retentions", to.retentions.post, needs=OfObject("tag-retention:create")),
        on("GET", policy, to.retentions.get, needs=OfObject("tag-retention:read")),
        on("PUT", policy, to.retentions.put, needs=OfObject("tag-retention:update")),
        on("DELETE", policy, to.retentions.delete, needs=OfObject("tag-retention:delete")),
        on("GET", runs, to.retentions.executions, needs=OfObject("tag-retention:list")),
        on("POST", runs, to.retentions.run, needs=OfObject("tag-retention:update")),
        on("PATCH", run, to.retentions.stop, needs=OfObject("tag-retention:update")),
        on("GET", f"{run}/tasks", to.retentions.tasks, needs=OfObject("tag-retention:list")),
        on("GET", run + "/tasks/{task_id}", to.retentions.log, needs=OfObject("tag-retention:read")),
    ]


def _access_tokens(to: ManagementEndpoints) -> list[Rule]:
    """Not Harbor's: it has none."""
    own, others = "/users/current", "/users/{user_id}"
    return [
        on("GET", f"{own}/tokens", to.access_tokens.index, needs=Entry.ACCOUNT),
        on("POST", f"{own}/tokens", to.access_tokens.post, needs=Entry.ACCOUNT),
        on("DELETE", own + "/tokens/{token_id}", to.access_tokens.delete, needs=Entry.ACCOUNT),
        on("GET", f"{own}/sessions", to.access_tokens.index_sessions, needs=Entry.ACCOUNT),
        on("DELETE", own + "/sessions/{session_id}", to.access_tokens.delete_session, needs=Entry.ACCOUNT),
        on("GET", f"{others}/tokens", to.access_tokens.index, needs=InSystem("user:read")),
        on("DELETE", others + "/tokens/{token_id}", to.access_tokens.delete, needs=InSystem("user:update")),
        on("GET", f"{others}/sessions", to.access_tokens.index_sessions, needs=InSystem("user:read")),
        on("DELETE", others + "/sessions/{session_id}", to.access_tokens.delete_session, needs=InSystem("user:update")),
    ]
