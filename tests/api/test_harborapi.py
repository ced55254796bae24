"""The PyPI package `harborapi`, as it is, does everything that there is to do.

Each answer is looked at twice: by its models, and by what Harbor publishes. What it would only log is an error here.
"""

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from harborapi import HarborAsyncClient
from harborapi.models import (
    Access,
    Configurations,
    CVEAllowlist,
    CVEAllowlistItem,
    ImmutableRule,
    ImmutableSelector,
    Label,
    ProjectMember,
    ProjectMetadata,
    ProjectReq,
    QuotaUpdateReq,
    Repository,
    ResourceList,
    RetentionPolicy,
    RetentionPolicyScope,
    RetentionRule,
    RetentionRuleTrigger,
    RetentionSelector,
    RobotCreate,
    RobotCreateV1,
    RobotPermission,
    Schedule,
    ScheduleObj,
    Tag,
    UserCreationReq,
    UserEntity,
    UserGroup,
    UserProfile,
    WebhookPolicy,
    WebhookTargetObject,
)

from tests.api.content import CONFIG, push
from tests.api.published import check
from tests.http.serving import PASSWORD, Registry

pytestmark = [
    pytest.mark.clients,
    # Of its own use of pydantic, and of methods that have another name now.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields':DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Use `:DeprecationWarning"),
]

# What it calls that this registry does not have, and what begins with the words of HTTP.
ABSENT = re.compile(
    r"replication|registr(y|ies)|scan|ldap|oidc|vulnerabilit|^(get|get_text|get_file|post|put|patch|delete|head)$"
    r"|^get_system_certificate$|^set_user_cli_secret$"
)
Flow = Callable[[HarborAsyncClient], Awaitable[None]]


def number(location: str) -> int:
    return int(location.rpartition("/")[2])


@pytest.fixture
def run(registry: Registry, caplog: pytest.LogCaptureFixture) -> Callable[[Flow], None]:
    """Does something with a client of the administrator's, and fails when the client complains."""

    async def look(response: httpx.Response) -> None:
        await response.aread()
        check(response)

    async def work(flow: Flow) -> None:
        harbor = HarborAsyncClient(url=f"{registry.url}/api/v2.0", username="admin", secret=PASSWORD)
        harbor.client.event_hooks["response"].append(look)
        await flow(harbor)
        await harbor.client.aclose()

    def run(flow: Flow) -> None:
        with caplog.at_level(logging.WARNING, "harborapi"):
            asyncio.run(work(flow))
        assert [record.getMessage() for record in caplog.records if record.name == "harborapi"] == []

    return run


def test_people_are_made_changed_and_deleted(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        wanted = UserCreationReq(username="ann", password=PASSWORD, email="ann@example.com", realname="Ann")
        ann = number(await harbor.create_user(wanted))
        await harbor.update_user(ann, UserProfile(email="ann@example.org", realname="Ann B", comment="x"))
        await harbor.set_user_admin(ann, is_admin=True)
        await harbor.set_user_password(ann, "Other-horse1")
        assert (await harbor.get_user(ann)).sysadmin_flag
        assert (await harbor.get_user_by_username("ann")).email == "ann@example.org"
        assert [user.username for user in await harbor.get_users(query="username=ann")] == ["ann"]
        assert [user.username for user in await harbor.search_users_by_username("ann")] == ["ann"]
        assert (await harbor.get_current_user()).username == "admin"
        assert await harbor.get_current_user_permissions()
        await harbor.delete_user(ann)
        assert await harbor.get_users(query="username=ann") == []
        group = number(await harbor.create_usergroup(UserGroup(group_name="crew", group_type=3)))
        await harbor.update_usergroup(group, UserGroup(group_name="crews"))
        assert (await harbor.get_usergroup(group)).group_name == "crews"
        assert [each.id for each in await harbor.search_usergroups("crew")] == [group]
        assert [each.id for each in await harbor.get_usergroups(group_name="crew")] == [group]
        await harbor.delete_usergroup(group)

    run(flow)


def test_project_with_members_settings_and_quota_is_made_read_and_deleted(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        wanted = ProjectReq(project_name="tea", metadata=ProjectMetadata(public="false"), storage_limit=10**9)
        assert (await harbor.create_project(wanted)).endswith("/projects/tea")
        assert await harbor.project_exists("tea")
        await harbor.update_project("tea", ProjectReq(metadata=ProjectMetadata(public="true")))
        tea = await harbor.get_project("tea")
        assert tea.project_id
        assert tea.metadata
        assert tea.metadata.public == "true"
        assert [each.name for each in await harbor.get_projects(query="name=tea", limit=3)] == ["tea"]
        await harbor.set_project_metadata("tea", ProjectMetadata(auto_scan="true"))
        await harbor.update_project_metadata_entry("tea", "auto_scan", {"auto_scan": "false"})
        assert await harbor.get_project_metadata_entry("tea", "auto_scan") == {"auto_scan": "false"}
        assert (await harbor.get_project_metadata("tea")).public == "true"
        await harbor.delete_project_metadata_entry("tea", "auto_scan")
        gus = ProjectMember(role_id=5, member_user=UserEntity(username="gus"))
        await harbor.remove_project_member("tea", number(await harbor.add_project_member("tea", gus)))
        member = number(await harbor.add_project_member_user("tea", "stan", 2))
        await harbor.update_project_member_role("tea", member, 3)
        assert (await harbor.get_project_member("tea", member)).role_name == "guest"
        names = {each.entity_name for each in await harbor.get_project_members("tea")}
        assert names == {"admin", "stan"}
        group = number(await harbor.create_usergroup(UserGroup(group_name="brewers", group_type=3)))
        of_group = number(await harbor.add_project_member_group("tea", group, 5))
        await harbor.remove_project_member("tea", of_group)
        await harbor.remove_project_member("tea", member)
        await harbor.delete_usergroup(group)
        [quota] = await harbor.get_quotas(reference="project", reference_id=str(tea.project_id))
        assert quota.id
        await harbor.update_quota(quota.id, QuotaUpdateReq(hard=ResourceList({"storage": 2 * 10**9})))
        assert (await harbor.get_quota(quota.id)).hard == ResourceList({"storage": 2 * 10**9})
        assert (await harbor.get_project_summary("tea")).repo_count == 0
        assert (await harbor.get_project_deletable("tea")).deletable
        assert await harbor.get_project_logs("tea")
        await harbor.delete_project("tea")

    run(flow)


def test_robots_are_made_used_and_deleted(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        access = [Access(resource="repository", action="pull"), Access(resource="repository", action="push")]
        permission = RobotPermission(kind="project", namespace="team", access=access)
        made = await harbor.create_robot(RobotCreate(name="ci", level="project", duration=-1, permissions=[permission]))
        assert made.id
        robot = await harbor.get_robot(made.id)
        assert robot.name == "robot$team+ci"
        robot.disable = True
        await harbor.update_robot(made.id, robot)
        assert (await harbor.refresh_robot_secret(made.id, "")).secret
        await harbor.refresh_robot_secret(made.id, "Chosen-secret1")
        await harbor.delete_robot(made.id)
        assert await harbor.get_robots() == []
        old_access = [Access(resource="/project/1/repository", action="push")]
        old = await harbor.create_robot_v1("team", RobotCreateV1(name="old", expires_at=-1, access=old_access))
        assert old.id
        old_robot = await harbor.get_robot_v1("team", old.id)
        await harbor.update_robot_v1("team", old.id, old_robot)
        assert [each.id for each in await harbor.get_robots_v1("team")] == [old.id]
        await harbor.delete_robot_v1("team", old.id)
        assert (await harbor.get_permissions()).project

    run(flow)


def test_artifacts_are_read_tagged_labelled_copied_and_deleted(registry: Registry, run: Callable[[Flow], None]) -> None:
    history = [{"created": "2026-01-02T03:04:05Z", "created_by": "COPY . ."}]
    image = push(registry, "team/a/b", "v1", config=CONFIG | {"history": history})
    push(registry, "team/a/b", subject=image, layers={b"signed": "application/x"}, artifactType="application/x")

    async def flow(harbor: HarborAsyncClient) -> None:
        place = ("team", "a/b", "v1")
        label = number(await harbor.create_label(Label(name="good", color="#00FF00", scope="g")))
        await harbor.update_label(label, Label(name="better", color="#00FF00", scope="g"))
        assert (await harbor.get_label(label)).name == "better"
        assert [each.id for each in await harbor.get_labels(scope="g")] == [label]
        await harbor.add_artifact_label(*place, Label(id=label))
        await harbor.create_artifact_tag(*place, Tag(name="v2"))
        names = {tag.name for tag in await harbor.get_artifact_tags(*place, with_immutable_status=True)}
        assert names == {"v1", "v2"}
        found = await harbor.get_artifact(*place, with_label=True, with_accessory=True, with_scan_overview=True)
        assert found.digest == image["digest"]
        assert found.icon
        assert (await harbor.get_icon(found.icon)).content
        assert [each.digest for each in await harbor.get_artifacts("team", "a/b", with_label=True)] == [found.digest]
        assert len(await harbor.get_artifact_accessories(*place)) == 1
        assert await harbor.get_artifact_build_history(*place)
        assert len(await harbor.get_project_artifacts("team")) == 1
        await harbor.delete_artifact_label(*place, label)
        await harbor.copy_artifact("open", "copy", f"team/a/b@{found.digest}")
        await harbor.delete_artifact_tag(*place, "v2")
        await harbor.update_repository("team", "a/b", Repository(description="of tea"))
        assert (await harbor.get_repository("team", "a/b")).description == "of tea"
        assert [each.name for each in await harbor.get_repositories("team")] == ["team/a/b"]
        assert {each.name for each in await harbor.get_repositories()} == {"team/a/b", "open/copy"}
        found_there = await harbor.search("a/b")
        assert found_there.repository
        assert await harbor.get_audit_logs(limit=5)
        await harbor.delete_repository("team", "a/b")
        await harbor.delete_artifact("open", "copy", image["digest"])
        await harbor.delete_label(label)

    run(flow)


def test_rules_and_webhooks_of_a_project_are_made_read_and_deleted(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        tags = ImmutableSelector(kind="doublestar", decoration="matches", pattern="v*")
        where = ImmutableSelector(kind="doublestar", decoration="repoMatches", pattern="**")
        rule = ImmutableRule(tag_selectors=[tags], scope_selectors={"repository": [where]})
        made = number(await harbor.create_project_immutable_tag_rule("team", rule))
        rule.id, rule.priority = made, 1
        await harbor.update_project_immutable_tag_rule("team", made, rule)
        await harbor.enable_project_immutable_tagrule("team", made, enabled=False)
        [found] = await harbor.get_project_immutable_tag_rules("team")
        assert found.disabled
        await harbor.delete_project_immutable_tag_rule("team", made)

        assert (await harbor.get_webhook_supported_events("team")).event_type
        target = WebhookTargetObject(type="http", address="https://hooks.example/x")
        policy = WebhookPolicy(name="hook", targets=[target], event_types=["PUSH_ARTIFACT"], enabled=True)
        hook = number(await harbor.create_webhook_policy("team", policy))
        policy.description = "told"
        await harbor.update_webhook_policy("team", hook, policy)
        assert (await harbor.get_webhook_policy("team", hook)).description == "told"
        assert [each.id for each in await harbor.get_webhook_policies("team")] == [hook]
        assert await harbor.get_webhook_policy_last_trigger("team") == []
        assert await harbor.get_webhook_jobs("team", hook) == []
        await harbor.delete_webhook_policy("team", hook)

    run(flow)


def test_retention_is_made_tried_and_deleted(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        tags = RetentionSelector(kind="doublestar", decoration="matches", pattern="**", extras='{"untagged":true}')
        where = RetentionSelector(kind="doublestar", decoration="repoMatches", pattern="**")
        rule = RetentionRule(
            action="retain",
            template="latestPushedK",
            params={"latestPushedK": 3},
            tag_selectors=[tags],
            scope_selectors={"repository": [where]},
        )
        team = (await harbor.get_project("team")).project_id
        trigger = RetentionRuleTrigger(kind="Schedule", settings={"cron": ""}, references={})
        scope = RetentionPolicyScope(level="project", ref=team)
        policy = RetentionPolicy(algorithm="or", rules=[rule], trigger=trigger, scope=scope)
        made = number(await harbor.create_retention_policy(policy))
        assert await harbor.get_project_retention_id("team") == made
        await harbor.update_retention_policy(made, await harbor.get_retention_policy(made))
        assert (await harbor.get_retention_metadata()).templates
        run = number(await harbor.start_retention_execution(made, dry_run=True))
        assert [each.id for each in await harbor.get_retention_executions(made)] == [run]
        for task in await harbor.get_retention_tasks(made, run):
            assert task.id
            await harbor.get_retention_execution_task_log(made, run, task.id)
        await harbor.stop_retention_execution(made, run)
        await harbor.delete_retention_policy(made)

    run(flow)


def test_system_is_looked_at_set_and_cleaned(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        assert await harbor.ping() == "Pong"
        assert (await harbor.health_check()).status == "healthy"
        assert (await harbor.get_system_info()).harbor_version
        assert (await harbor.get_system_volume_info()).storage
        assert (await harbor.get_statistics()).total_project_count
        await harbor.update_config(Configurations(session_timeout=70))
        timeout = (await harbor.get_config()).session_timeout
        assert timeout
        assert timeout.value == 70
        await harbor.update_cve_allowlist(CVEAllowlist(items=[CVEAllowlistItem(cve_id="CVE-2026-1")]))
        assert (await harbor.get_cve_allowlist()).items
        daily = Schedule(schedule=ScheduleObj(type="Daily", cron="0 0 0 * * *"), parameters={"dry_run": True})  # type: ignore[arg-type]  # pydantic makes its enumeration of it
        manual = Schedule(schedule=ScheduleObj(type="Manual"), parameters={"dry_run": True, "audit_retention_hour": 9})  # type: ignore[arg-type]  # as above
        await harbor.get_gc_schedule()
        await harbor.create_gc_schedule(daily)
        await harbor.update_gc_schedule(daily)
        run = number(await harbor.create_gc_schedule(manual))
        assert (await harbor.get_gc_job(run)).id == run
        assert [each.id for each in await harbor.get_gc_jobs()] == [run]
        await harbor.get_gc_log(run)

    run(flow)


def test_records_of_who_did_what_are_dropped_by_schedule_and_by_hand(run: Callable[[Flow], None]) -> None:
    async def flow(harbor: HarborAsyncClient) -> None:
        parameters = {"dry_run": True, "audit_retention_hour": 24, "include_event_types": "pull_artifact"}
        daily = Schedule(schedule=ScheduleObj(type="Daily", cron="0 0 0 * * *"), parameters=parameters)  # type: ignore[arg-type]  # pydantic makes its enumeration of it
        manual = Schedule(schedule=ScheduleObj(type="Manual"), parameters=parameters)  # type: ignore[arg-type]  # as above
        await harbor.get_purge_job_schedule()
        await harbor.create_purge_job_schedule(daily)
        await harbor.update_purge_job_schedule(daily)
        await harbor.update_audit_log_rotation_schedule(daily)
        await harbor.get_audit_log_rotation_schedule()
        run = number(await harbor.create_purge_job_schedule(manual))
        await harbor.create_audit_log_rotation_schedule(manual)
        assert (await harbor.get_purge_job(run)).id == run
        assert (await harbor.get_audit_log_rotation(run)).id == run
        assert run in [each.id for each in await harbor.get_purge_job_history()]
        assert await harbor.get_audit_log_rotation_history()
        await harbor.get_purge_job_log(run)
        await harbor.get_audit_log_rotation_log(run)
        await harbor.stop_purge_job(run)
        await harbor.stop_audit_log_rotation(run)

    run(flow)


def test_every_method_of_the_client_is_called_here() -> None:
    called = set(re.findall(r"\bharbor\.(\w+)\(", Path(__file__).read_text("utf-8")))
    there = {name for name, _ in inspect.getmembers(HarborAsyncClient, inspect.iscoroutinefunction)}
    public = {name for name in there if not name.startswith("_") and not ABSENT.search(name)}
    assert public - called == set()
