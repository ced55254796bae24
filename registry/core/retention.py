"""Retention policies of projects: what is kept, and when the rest is looked for and goes."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from auth.access import Actor
from registry.core import audit, events, executions, schedules
from registry.core.events import Event
from registry.core.executions import RETENTION, Attributes, CountedExecution, Executions
from registry.core.retention_rules import Rule, must_be_rules
from registry.core.schedules import CUSTOM, NONE, Timing
from registry.errors import NotFound, RetentionExists
from storage.clock import now_ms
from storage.metadata import executions as execution_rows
from storage.metadata import projects, repositories, retention_policies
from storage.metadata import schedules as schedule_rows
from storage.metadata.database import Database, Transaction
from storage.metadata.executions import ExecutionRecord, TaskRecord
from storage.metadata.listings import Listing
from storage.metadata.retention_policies import PolicyRecord

DRY_RUN, REPOSITORY, DELETED, FREED = "dry_run", "repository", "deleted", "freed_bytes"
"""What runs and their tasks tell; of a dry run `deleted` is what would be, and it alone tells what that would free."""
_TOLD = 1000  # of what a run has deleted
SETTING = "retention_id"


class Policy(msgspec.Struct, frozen=True):
    """Rules, and by which cron expression they are followed; none where that is begun by hand alone."""

    rules: tuple[Rule, ...] = ()
    cron: str = ""

    @classmethod
    def read(cls, text: str) -> "Policy":
        return msgspec.json.decode(text, type=cls)

    def numbered(self) -> "Policy":
        """With a number for each rule."""
        rules = tuple(msgspec.structs.replace(rule, id=number) for number, rule in enumerate(self.rules, 1))
        return msgspec.structs.replace(self, rules=rules)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    id: int
    project_id: int
    policy: Policy


class Retention:
    """The policies, and their runs."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock
        self._executions = Executions(database, clock=clock)

    def get(self, policy_id: int) -> StoredPolicy:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _stored(_must_exist(tx, policy_id))

    def find(self, project_id: int) -> StoredPolicy | None:
        """The policy of a project."""
        with self._database.read() as tx:
            record = retention_policies.find_of_project(tx, project_id)
        return _stored(record) if record else None

    def create(self, actor: Actor, project_id: int, policy: Policy) -> int:
        """The new policy's id, which the project's settings tell too. Raises `BadQuery`, `Conflict`, `NotFound`, and
        `RetentionExists` where the project has one.
        """
        must_be_rules(policy.rules)
        with self._database.write() as tx:
            known = retention_policies.find_of_project(tx, project_id)
            if known:
                raise RetentionExists(f"project {project_id} already has retention policy {known.id}")
            now = self._clock()
            policy_id = retention_policies.add(tx, project_id, _text(policy), now)
            _set_setting(tx, project_id, str(policy_id), now)
            _schedule(tx, policy_id, policy.cron, now)
            _record(tx, actor, "create", project_id, policy_id)
        return policy_id

    def change(self, actor: Actor, policy_id: int, policy: Policy) -> None:
        """Raises `BadQuery`, `Conflict`, `NotFound`."""
        must_be_rules(policy.rules)
        with self._database.write() as tx:
            known, now = _must_exist(tx, policy_id), self._clock()
            retention_policies.change(tx, policy_id, _text(policy), now)
            _schedule(tx, policy_id, policy.cron, now)
            _record(tx, actor, "update", known.project_id, policy_id)

    def delete(self, actor: Actor, policy_id: int) -> None:
        """With what its runs have told. Raises `NotFound`."""
        with self._database.write() as tx:
            known = _must_exist(tx, policy_id)
            retention_policies.remove(tx, policy_id)
            schedule_rows.remove(tx, RETENTION, policy_id)
            execution_rows.remove(tx, (RETENTION,), policy_id)
            _set_setting(tx, known.project_id, None, self._clock())
            _record(tx, actor, "delete", known.project_id, policy_id)

    def begin(self, actor: Actor, policy_id: int, *, dry_run: bool) -> int:
        """Follow the rules now, or only tell what would go; returns the number of the run. Raises `NotFound`."""
        with self._database.write() as tx:
            known, parameters = _must_exist(tx, policy_id), {DRY_RUN: dry_run}
            tasks, now = plan(tx, policy_id, parameters), self._clock()
            run = executions.start(tx, RETENTION, policy_id, "MANUAL", parameters, tasks=tasks, now=now)
            if not dry_run:
                _record(tx, actor, "run", known.project_id, policy_id)
        return run

    def stop(self, policy_id: int, execution_id: int) -> None:
        """Raises `NotFound`."""
        self._executions.stop((RETENTION,), policy_id, execution_id)

    def page(self, policy_id: int, listing: Listing) -> tuple[list[CountedExecution], int]:
        """A page of the runs, the newest first, and how many there are. Raises `BadQuery`."""
        return self._executions.page((RETENTION,), policy_id, listing)

    def run(self, policy_id: int, execution_id: int) -> ExecutionRecord:
        """Raises `NotFound`."""
        return self._executions.get((RETENTION,), policy_id, execution_id)

    def tasks(self, policy_id: int, execution_id: int, listing: Listing) -> tuple[list[TaskRecord], int]:
        """A page of the repositories of a run, and how many there are. Raises `NotFound`, `BadQuery`."""
        return self._executions.tasks((RETENTION,), policy_id, execution_id, listing)

    def log(self, policy_id: int, execution_id: int, task_id: int) -> str:
        """What was done in one repository. Raises `NotFound`."""
        return self._executions.task((RETENTION,), policy_id, execution_id, task_id).log


def plan(tx: Transaction, policy_id: int, _parameters: Attributes) -> Sequence[Attributes]:
    """A task for each repository that a rule is about. What is scheduled for a policy that is gone is forgotten."""
    known = retention_policies.find(tx, policy_id)
    if known is None:
        schedule_rows.remove(tx, RETENTION, policy_id)
        return ()
    rules = Policy.read(known.policy).rules
    found, _ = repositories.list_page(tx, Listing(sort=("name",), size=0), project_id=known.project_id)
    return [{REPOSITORY: each.name} for each in found if any(rule.is_about(each.name) for rule in rules)]


def announce_end(tx: Transaction, execution_id: int) -> None:
    """Tell those who listen what a run has deleted."""
    run = execution_rows.find(tx, execution_id)
    known = retention_policies.find(tx, run.vendor_id) if run else None
    if run is None or known is None or json.loads(run.attributes)[DRY_RUN]:
        return
    project_id = known.project_id
    events.announce(tx, events.RETAINED, project_id, lambda: _event(tx, run, known))


def _event(tx: Transaction, run: ExecutionRecord, policy: PolicyRecord) -> Event:
    done = [json.loads(task.attributes) for task in execution_rows.list_tasks(tx, run.id, Listing(size=0))[0]]
    gone = [name for each in done for name in each.get(DELETED, ())]
    rules = [msgspec.to_builtins(rule) for rule in Policy.read(policy.policy).rules]
    result = {
        "total": sum(each.get("total", 0) for each in done),
        "retained": sum(each.get("retained", 0) for each in done),
        "retention_policy_id": policy.id,
        "retention_rule": rules,
        "result": run.status,
        "deleted_artifact": [{"type": "image", "status": "SUCCESS", "name_tag": name} for name in gone[:_TOLD]],
    }
    at = run.finished_at or run.started_at
    return events.of_project(tx, events.RETAINED, policy.project_id, operator=run.trigger, at=at, retention=result)


def _schedule(tx: Transaction, policy_id: int, cron: str, now: int) -> None:
    schedules.put(tx, RETENTION, policy_id, Timing(CUSTOM if cron else NONE, cron), {DRY_RUN: False}, now=now)


def _set_setting(tx: Transaction, project_id: int, value: str | None, now: int) -> None:
    project = projects.find_by_id(tx, project_id)
    if project is None:
        raise NotFound(f"project {project_id} not found")
    settings: dict[str, str] = json.loads(project.settings)
    settings.pop(SETTING, None)
    changed: Mapping[str, str] = settings | ({SETTING: value} if value else {})
    projects.set_settings(tx, project_id, is_public=project.is_public, settings=json.dumps(changed), now=now)


def _must_exist(tx: Transaction, policy_id: int) -> PolicyRecord:
    found = retention_policies.find(tx, policy_id)
    if found is None:
        raise NotFound(f"retention policy {policy_id} not found")
    return found


def _stored(record: PolicyRecord) -> StoredPolicy:
    return StoredPolicy(record.id, record.project_id, Policy.read(record.policy))


def _text(policy: Policy) -> str:
    return msgspec.json.encode(policy.numbered()).decode()


def _record(tx: Transaction, actor: Actor, operation: str, project_id: int, policy_id: int) -> None:
    audit.record(
        tx,
        actor,
        operation=operation,
        resource_type="retention_policy",
        resource=str(policy_id),
        project_id=project_id,
    )
