"""Every address of the page, with what it needs. A row cannot be written without saying that.

Names of repositories have slashes, and none of their parts is a mere dash: so what follows one is set off by `/-/`.
"""

from dataclasses import dataclass

from registry.ui.accounts import AccountScreens
from registry.ui.activity import ActivityScreens
from registry.ui.artifacts import ArtifactScreens
from registry.ui.assets import Assets
from registry.ui.connecting import ConnectScreens
from registry.ui.dashboards import DashboardScreens
from registry.ui.deletions import DeletionScreens, RestoringScreens
from registry.ui.descriptions import DescriptionScreens
from registry.ui.files import FileScreens
from registry.ui.labels import LabelScreens
from registry.ui.members import MemberScreens
from registry.ui.projects import ProjectScreens
from registry.ui.quotas import QuotaScreens
from registry.ui.repositories import RepositoryScreens
from registry.ui.robots import RobotScreens
from registry.ui.searches import SearchScreens
from registry.ui.settings import SettingScreens
from registry.ui.setups import SetupScreens
from registry.ui.sign_in import NewcomerScreens, SignInScreens
from registry.ui.storage import StorageScreens
from registry.ui.system import SystemScreens
from registry.ui.tag_rules import TagRuleScreens
from registry.ui.tags import TagScreens
from registry.ui.tokens import TokenScreens
from registry.ui.uploads import UploadScreens
from registry.ui.users import UserScreens
from registry.ui.webhooks import WebhookScreens
from registry.web import PAGES, Entry, Handler, InProject, InSystem, Needs, Rule


@dataclass(frozen=True, slots=True)
class Screens:
    assets: Assets
    dashboards: DashboardScreens
    searches: SearchScreens
    connecting: ConnectScreens
    settings: SettingScreens
    system: SystemScreens
    sign_in: SignInScreens
    newcomers: NewcomerScreens
    setups: SetupScreens
    projects: ProjectScreens
    members: MemberScreens
    activity: ActivityScreens
    repositories: RepositoryScreens
    artifacts: ArtifactScreens
    files: FileScreens
    deletions: DeletionScreens
    restoring: RestoringScreens
    tags: TagScreens
    quotas: QuotaScreens
    descriptions: DescriptionScreens
    robots: RobotScreens
    labels: LabelScreens
    webhooks: WebhookScreens
    tag_rules: TagRuleScreens
    storage: StorageScreens
    uploads: UploadScreens
    users: UserScreens
    accounts: AccountScreens
    tokens: TokenScreens


def on(method: str, path: str, handler: Handler, *, needs: Needs, hashes: bool = False) -> Rule:
    return Rule(method, PAGES + path, handler, needs, hashes=hashes)


def page_rules(to: Screens) -> list[Rule]:
    """All rows; of two that match, the more special one stands first."""
    return [
        Rule("GET", "/", to.dashboards.root, Entry.ANYBODY),
        Rule("GET", PAGES, to.dashboards.root, Entry.ANYBODY),
        on("GET", "/static/{name}", to.assets.get, needs=Entry.ANYBODY),
        on("GET", "/sign-in", to.sign_in.get, needs=Entry.GUEST),
        on("POST", "/sign-in", to.sign_in.post, needs=Entry.ANYBODY, hashes=True),
        on("GET", "/oidc-onboard", to.newcomers.get, needs=Entry.ANYBODY),
        on("POST", "/oidc-onboard", to.newcomers.post, needs=Entry.ANYBODY),
        on("GET", "/setup", to.setups.get, needs=Entry.ANYBODY),
        on("POST", "/setup", to.setups.post, needs=Entry.ANYBODY, hashes=True),
        on("POST", "/sign-out", to.sign_in.out, needs=Entry.ANYBODY),
        on("POST", "/preferences", to.sign_in.prefer, needs=Entry.ANYBODY),
        on("GET", "/", to.dashboards.get, needs=Entry.ACCOUNT),
        on("GET", "/usage", to.dashboards.usage, needs=Entry.ACCOUNT),
        on("GET", "/activity", to.activity.get, needs=Entry.ACCOUNT),
        on("GET", "/activity/export", to.activity.export, needs=Entry.ACCOUNT),
        on("GET", "/search", to.searches.get, needs=Entry.GUEST),
        *_projects(to),
        *_repositories(to),
        *_robots(to, "/robots", InSystem),
        *_labels(to, "/labels", InSystem),
        *_users(to),
        *_storage(to),
        *_system(to),
    ]


def _projects(to: Screens) -> list[Rule]:
    project = "/projects/{project_name}"
    members, member = f"{project}/members", f"{project}/members/{{member_id}}"
    return [
        on("GET", "/projects", to.projects.index, needs=Entry.GUEST),
        on("GET", "/new-project", to.projects.new, needs=Entry.ACCOUNT),
        on("POST", "/new-project", to.projects.create, needs=Entry.ACCOUNT),
        on("GET", project, to.projects.repositories, needs=InProject("repository:list")),
        on("GET", f"{project}/settings", to.projects.settings, needs=InProject("project:update")),
        on("POST", f"{project}/settings", to.projects.save, needs=InProject("project:update")),
        on("GET", f"{project}/description", to.descriptions.of_project, needs=InProject("project:update")),
        on("POST", f"{project}/description", to.descriptions.save_of_project, needs=InProject("project:update")),
        on("GET", f"{project}/quota", to.quotas.get, needs=InSystem("quota:update")),
        on("POST", f"{project}/quota", to.quotas.save, needs=InSystem("quota:update")),
        on("GET", f"{project}/delete", to.projects.ask_delete, needs=InProject("project:delete")),
        on("POST", f"{project}/delete", to.projects.delete, needs=InProject("project:delete")),
        on("GET", f"{project}/deleted", to.restoring.of_project, needs=InProject("repository:push")),
        on("GET", f"{project}/activity", to.activity.of_project, needs=InProject("log:list")),
        on("GET", f"{project}/activity/export", to.activity.export_of_project, needs=InProject("log:list")),
        on("GET", members, to.members.index, needs=InProject("member:list")),
        on("POST", members, to.members.add, needs=InProject("member:create")),
        on("GET", f"{members}/suggested", to.members.suggest, needs=InProject("member:create")),
        on("POST", member, to.members.set_role, needs=InProject("member:update")),
        on("GET", f"{member}/remove", to.members.ask_remove, needs=InProject("member:delete")),
        on("POST", f"{member}/remove", to.members.remove, needs=InProject("member:delete")),
        *_robots(to, f"{project}/robots", InProject),
        *_tag_rules(to, f"{project}/rules"),
        *_labels(to, f"{project}/labels", InProject),
        *_webhooks(to, f"{project}/webhooks"),
    ]


def _robots(to: Screens, robots: str, needed: type[InProject] | type[InSystem]) -> list[Rule]:
    """Of a project, or of the system."""
    robot, may_update, may_delete = f"{robots}/{{robot_id}}", needed("robot:update"), needed("robot:delete")
    return [
        on("GET", robots, to.robots.index, needs=needed("robot:list")),
        on("GET", f"{robots}/new", to.robots.new, needs=needed("robot:create")),
        on("POST", f"{robots}/new", to.robots.create, needs=needed("robot:create")),
        on("GET", robot, to.robots.get, needs=needed("robot:read")),
        on("POST", robot, to.robots.change, needs=may_update),
        on("POST", f"{robot}/disabled", to.robots.set_disabled, needs=may_update),
        on("GET", f"{robot}/secret", to.robots.ask_secret, needs=may_update),
        on("POST", f"{robot}/secret", to.robots.set_secret, needs=may_update),
        on("GET", f"{robot}/delete", to.robots.ask_delete, needs=may_delete),
        on("POST", f"{robot}/delete", to.robots.delete, needs=may_delete),
    ]


def _tag_rules(to: Screens, rules: str) -> list[Rule]:
    immutable, kept = f"{rules}/immutable/{{rule_id}}", f"{rules}/retention/{{rule_id}}"
    run, may_change = f"{rules}/runs/{{execution_id}}", InProject("tag-retention:update")
    return [
        on("GET", rules, to.tag_rules.get, needs=InProject("tag-retention:list")),
        on("POST", f"{rules}/immutable", to.tag_rules.add_immutable, needs=InProject("immutable-tag:create")),
        on("POST", immutable, to.tag_rules.turn_immutable, needs=InProject("immutable-tag:update")),
        on("POST", f"{immutable}/remove", to.tag_rules.remove_immutable, needs=InProject("immutable-tag:delete")),
        on("POST", f"{rules}/retention", to.tag_rules.add, needs=may_change),
        on("POST", kept, to.tag_rules.turn, needs=may_change),
        on("POST", f"{kept}/remove", to.tag_rules.remove, needs=may_change),
        on("POST", f"{rules}/schedule", to.tag_rules.schedule, needs=may_change),
        on("GET", f"{rules}/follow", to.tag_rules.ask_run, needs=may_change),
        on("POST", f"{rules}/runs", to.tag_rules.run, needs=may_change),
        on("GET", run, to.tag_rules.result, needs=InProject("tag-retention:list")),
        on("POST", f"{run}/stop", to.tag_rules.stop, needs=may_change),
    ]


def _labels(to: Screens, labels: str, needed: type[InProject] | type[InSystem]) -> list[Rule]:
    """Of a project, or of the system."""
    label, may_update, may_delete = f"{labels}/{{label_id}}", needed("label:update"), needed("label:delete")
    return [
        on("GET", labels, to.labels.index, needs=needed("label:list" if needed is InProject else "label:read")),
        on("POST", labels, to.labels.add, needs=needed("label:create")),
        on("GET", label, to.labels.get, needs=may_update),
        on("POST", label, to.labels.change, needs=may_update),
        on("GET", f"{label}/delete", to.labels.ask_delete, needs=may_delete),
        on("POST", f"{label}/delete", to.labels.delete, needs=may_delete),
    ]


def _webhooks(to: Screens, webhooks: str) -> list[Rule]:
    webhook, may_delete = f"{webhooks}/{{webhook_id}}", InProject("notification-policy:delete")
    may_make, may_read = InProject("notification-policy:create"), InProject("notification-policy:read")
    return [
        on("GET", webhooks, to.webhooks.index, needs=InProject("notification-policy:list")),
        on("GET", f"{webhooks}/new", to.webhooks.new, needs=may_make),
        on("POST", f"{webhooks}/new", to.webhooks.create, needs=may_make),
        on("GET", webhook, to.webhooks.get, needs=may_read),
        on("POST", webhook, to.webhooks.change, needs=InProject("notification-policy:update")),
        on("GET", f"{webhook}/delete", to.webhooks.ask_delete, needs=may_delete),
        on("POST", f"{webhook}/delete", to.webhooks.delete, needs=may_delete),
        on("GET", f"{webhook}/deliveries/{{execution_id}}", to.webhooks.delivery, needs=may_read),
    ]


def _repositories(to: Screens) -> list[Rule]:
    repository = "/r/{project_name}/{repository:path}"
    artifact, tag = f"{repository}/-/artifacts/{{reference}}", f"{repository}/-/tags/{{tag}}"
    several, several_tags = f"{repository}/-/delete-artifacts", f"{repository}/-/delete-tags"
    may_restore = InProject("repository:push")
    return [
        on("GET", f"{repository}/-/delete", to.repositories.ask_delete, needs=InProject("repository:delete")),
        on("POST", f"{repository}/-/delete", to.repositories.delete, needs=InProject("repository:delete")),
        on("GET", f"{repository}/-/description", to.descriptions.of_repository, needs=InProject("repository:update")),
        on(
            "POST",
            f"{repository}/-/description",
            to.descriptions.save_of_repository,
            needs=InProject("repository:update"),
        ),
        on("GET", several, to.deletions.ask_artifacts, needs=InProject("artifact:delete")),
        on("POST", several, to.deletions.delete_artifacts, needs=InProject("artifact:delete")),
        on("GET", several_tags, to.deletions.ask_tags, needs=InProject("tag:delete")),
        on("POST", several_tags, to.deletions.delete_tags, needs=InProject("tag:delete")),
        on("GET", f"{repository}/-/deleted", to.restoring.index, needs=may_restore),
        on("POST", f"{repository}/-/restore", to.restoring.restore, needs=may_restore),
        on("GET", f"{tag}/delete", to.deletions.ask_tag, needs=InProject("tag:delete")),
        on("POST", f"{tag}/delete", to.deletions.delete_tag, needs=InProject("tag:delete")),
        on("GET", f"{tag}/history", to.tags.history, needs=may_restore),
        on("GET", f"{artifact}/new-tag", to.tags.ask, needs=InProject("tag:create")),
        on("POST", f"{artifact}/new-tag", to.tags.add, needs=InProject("tag:create")),
        on("GET", f"{artifact}/labels", to.labels.ask_of_artifact, needs=InProject("artifact-label:create")),
        on("POST", f"{artifact}/labels", to.labels.set_of_artifact, needs=InProject("artifact-label:create")),
        on("GET", f"{artifact}/files", to.files.index, needs=InProject("artifact-addition:read")),
        on("GET", f"{artifact}/compare", to.files.compare, needs=InProject("artifact-addition:read")),
        on("GET", f"{artifact}/{{part}}", to.artifacts.download, needs=InProject("artifact:read")),
        on("GET", artifact, to.artifacts.get, needs=InProject("artifact:read")),
        on("GET", repository, to.repositories.get, needs=InProject("artifact:list")),
    ]


def _users(to: Screens) -> list[Rule]:
    user, may_make, may_delete = "/users/{user_id}", InSystem("user:create"), InSystem("user:delete")
    may_update, role = InSystem("user:update"), "/users/{user_id}/members/{member_id}"
    return [
        on("GET", "/users", to.users.index, needs=InSystem("user:list")),
        on("GET", "/new-user", to.users.new, needs=may_make),
        on("POST", "/new-user", to.users.create, needs=may_make, hashes=True),
        on("GET", user, to.users.get, needs=InSystem("user:read")),
        on("POST", user, to.users.save, needs=may_update),
        on("POST", f"{user}/password", to.users.set_password, needs=may_update, hashes=True),
        on("POST", f"{user}/admin", to.users.set_admin, needs=may_update),
        on("POST", f"{user}/disabled", to.users.set_disabled, needs=may_update),
        on("POST", f"{user}/members", to.users.add_role, needs=may_update),
        on("POST", role, to.users.set_role, needs=may_update),
        on("POST", f"{role}/remove", to.users.remove_role, needs=may_update),
        on("POST", f"{user}/tokens/{{token_id}}/revoke", to.users.revoke_token, needs=may_update),
        on("POST", f"{user}/sessions/end", to.users.end_sessions, needs=may_update),
        on("POST", f"{user}/sessions/{{session_id}}/end", to.users.end_session, needs=may_update),
        on("GET", f"{user}/delete", to.users.ask_delete, needs=may_delete),
        on("POST", f"{user}/delete", to.users.delete, needs=may_delete),
        *_account(to),
    ]


def _account(to: Screens) -> list[Rule]:
    return [
        on("GET", "/account", to.accounts.get, needs=Entry.ACCOUNT),
        on("POST", "/account", to.accounts.save, needs=Entry.ACCOUNT),
        on("POST", "/account/password", to.accounts.set_password, needs=Entry.ACCOUNT, hashes=True),
        on("POST", "/account/secret", to.accounts.make_secret, needs=Entry.ACCOUNT, hashes=True),
        on("GET", "/account/tokens/new", to.tokens.new, needs=Entry.ACCOUNT),
        on("POST", "/account/tokens/new", to.tokens.create, needs=Entry.ACCOUNT),
        on("POST", "/account/tokens/{token_id}/revoke", to.tokens.revoke, needs=Entry.ACCOUNT),
        on("POST", "/account/sessions/end", to.accounts.revoke_others, needs=Entry.ACCOUNT),
        on("POST", "/account/sessions/{session_id}/end", to.accounts.revoke, needs=Entry.ACCOUNT),
    ]


def _storage(to: Screens) -> list[Rule]:
    runs, run = "/storage/runs", "/storage/runs/{execution_id}"
    may_look, may_begin = InSystem("garbage-collection:list"), InSystem("garbage-collection:create")
    return [
        on("GET", "/storage", to.storage.get, needs=may_look),
        on("GET", "/storage/space", to.storage.space, needs=may_look),
        on("GET", "/storage/uploads", to.uploads.get, needs=may_look),
        on("POST", "/storage/uploads/cancel", to.uploads.cancel, needs=InSystem("garbage-collection:stop")),
        on("POST", "/storage/schedule", to.storage.schedule, needs=may_begin),
        on("POST", runs, to.storage.run, needs=may_begin),
        on("GET", run, to.storage.log, needs=InSystem("garbage-collection:read")),
        on("POST", f"{run}/stop", to.storage.stop, needs=InSystem("garbage-collection:stop")),
    ]


def _system(to: Screens) -> list[Rule]:
    return [
        on("GET", "/connect", to.connecting.get, needs=Entry.GUEST),
        on("POST", "/connect/size", to.connecting.measure, needs=Entry.GUEST),
        on("GET", "/settings", to.settings.get, needs=InSystem("configuration:read")),
        on("POST", "/settings", to.settings.save, needs=InSystem("configuration:update")),
        on("GET", "/system", to.system.get, needs=InSystem("configuration:read")),
    ]
