"""Retention policies: `/retentions`, and their runs."""

import json
from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from registry.api.answers import Model, created, done, listed, shown, time_text
from registry.api.bodies import parse_body
from registry.api.immutable_rules import ShownSelector, shown_selector
from registry.api.queries import parse_listing
from registry.contracts import PAGED, TEXT, answers
from registry.core.executions import CountedExecution
from registry.core.gate import Gate
from registry.core.retention import DRY_RUN, REPOSITORY, Policy, Retention, StoredPolicy
from registry.core.retention_rules import TEMPLATES, Rule
from registry.core.selectors import Selector
from registry.errors import BadQuery, NotFound
from registry.web import Call
from storage.metadata.executions import SUCCESS, TaskRecord


class ShownRule(Model, kw_only=True):
    """Harbor's `RetentionRule`."""

    id: int = 0
    priority: int = 0
    disabled: bool = False
    action: str = ""
    template: str = ""
    params: dict[str, object] | None = None
    tag_selectors: list[ShownSelector]
    scope_selectors: dict[str, list[ShownSelector]]


class Trigger(Model, kw_only=True):
    """Harbor's `RetentionRuleTrigger`."""

    kind: str = ""
    settings: dict[str, object]
    references: dict[str, object]


class Scope(Model, kw_only=True):
    """Harbor's `RetentionPolicyScope`."""

    level: str = ""
    ref: int = 0


class ShownPolicy(Model, kw_only=True):
    """Harbor's `RetentionPolicy`."""

    id: int
    algorithm: str
    rules: list[ShownRule]
    trigger: Trigger
    scope: Scope


class WantedRule(Model, kw_only=True):
    """What of a `RetentionRule` somebody chooses."""

    priority: int = 0
    disabled: bool = False
    template: str = ""
    params: dict[str, object] | None = None
    tag_selectors: list[Selector] | None = None
    scope_selectors: dict[str, list[Selector]] | None = None

    def rule(self) -> Rule:
        return Rule(
            priority=self.priority,
            disabled=self.disabled,
            template=self.template,
            params=self.params or {},
            tag_selectors=tuple(self.tag_selectors or ()),
            scope_selectors={scope: tuple(each) for scope, each in (self.scope_selectors or {}).items()},
        )


class WantedTrigger(Model, kw_only=True):
    settings: dict[str, object] | None = None


class WantedPolicy(Model, kw_only=True):
    """What of a `RetentionPolicy` somebody chooses."""

    rules: list[WantedRule] | None = None
    trigger: WantedTrigger = msgspec.field(default_factory=WantedTrigger)
    scope: Scope = msgspec.field(default_factory=Scope)

    def policy(self) -> Policy:
        cron = (self.trigger.settings or {}).get("cron") or ""
        if not isinstance(cron, str):
            raise BadQuery("bad request: cron must be a text")
        return Policy(tuple(rule.rule() for rule in self.rules or ()), cron)


class WantedRun(Model, kw_only=True):
    dry_run: bool = False


class WantedChange(Model, kw_only=True):
    action: str = ""


class Execution(Model, kw_only=True):
    """Harbor's `RetentionExecution`."""

    id: int
    policy_id: int
    start_time: str = ""
    end_time: str = ""
    status: str
    trigger: str
    dry_run: bool = False


class Task(Model, kw_only=True):
    """Harbor's `RetentionExecutionTask`."""

    id: int
    execution_id: int
    repository: str
    status: str
    status_code: int
    start_time: str = ""
    end_time: str = ""
    total: int
    retained: int


class RetentionEndpoints:
    def __init__(self, retention: Retention, gate: Gate) -> None:
        self._retention = retention
        self._gate = gate

    @answers(dict[str, object])
    def metadatas(self, _call: Call) -> Response:
        return shown(_METADATA)

    @answers(takes=WantedPolicy, status=201, refuses=(404, 409))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedPolicy)
        if wanted.scope.level != "project" or wanted.scope.ref < 1:
            raise BadQuery("bad request: the scope of a retention policy is a project")
        self._gate.must_in(call.actor, "tag-retention:create", wanted.scope.ref)
        return created(call, self._retention.create(call.actor, wanted.scope.ref, wanted.policy()))

    @answers(ShownPolicy)
    def get(self, call: Call) -> Response:
        return shown(_shown(self._found(call, "tag-retention:read")))

    @answers(takes=WantedPolicy, refuses=(409,))
    def put(self, call: Call) -> Response:
        found = self._found(call, "tag-retention:update")
        self._retention.change(call.actor, found.id, parse_body(call.body, WantedPolicy).policy())
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._retention.delete(call.actor, self._found(call, "tag-retention:delete").id)
        return done()

    @answers(list[Execution], query=PAGED)
    def executions(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._retention.page(self._found(call, "tag-retention:list").id, listing)
        return listed(call, listing, [_shown_run(each) for each in found], total)

    @answers(takes=WantedRun, status=201)
    def run(self, call: Call) -> Response:
        policy = self._found(call, "tag-retention:update")
        dry_run = parse_body(call.body, WantedRun).dry_run
        return created(call, self._retention.begin(call.actor, policy.id, dry_run=dry_run))

    @answers(takes=WantedChange)
    def stop(self, call: Call) -> Response:
        policy = self._found(call, "tag-retention:update")
        if parse_body(call.body, WantedChange).action != "stop":
            raise BadQuery("bad request: action should be 'stop'")
        self._retention.stop(policy.id, call.number("execution_id"))
        return done()

    @answers(list[Task], query=PAGED)
    def tasks(self, call: Call) -> Response:
        listing, policy = parse_listing(call.request.query_params), self._found(call, "tag-retention:list")
        found, total = self._retention.tasks(policy.id, call.number("execution_id"), listing)
        return listed(call, listing, [_shown_task(each) for each in found], total)

    @answers(TEXT)
    def log(self, call: Call) -> Response:
        policy = self._found(call, "tag-retention:read")
        told = self._retention.log(policy.id, call.number("execution_id"), call.number("task_id"))
        return Response(told, media_type="text/plain")

    def _found(self, call: Call, permission: str) -> StoredPolicy:
        """The policy of the address, where the actor has the permission. Raises `NotFound` and what the gate raises."""
        try:
            policy = self._retention.get(call.number("policy_id"))
        except NotFound:
            self._gate.must_in_system(call.actor, permission)
            raise
        self._gate.must_in(call.actor, permission, policy.project_id)
        return policy


def _shown(found: StoredPolicy) -> ShownPolicy:
    return ShownPolicy(
        id=found.id,
        algorithm="or",
        rules=[_shown_rule(rule) for rule in found.policy.rules],
        trigger=Trigger(kind="Schedule", settings={"cron": found.policy.cron}, references={}),
        scope=Scope(level="project", ref=found.project_id),
    )


def _shown_rule(rule: Rule) -> ShownRule:
    return ShownRule(
        id=rule.id,
        priority=rule.priority,
        disabled=rule.disabled,
        action="retain",
        template=rule.template,
        params=dict(rule.params) or None,
        tag_selectors=[shown_selector(each) for each in rule.tag_selectors],
        scope_selectors={scope: _shown_all(selectors) for scope, selectors in rule.scope_selectors.items()},
    )


def _shown_all(selectors: Sequence[Selector]) -> list[ShownSelector]:
    return [shown_selector(each) for each in selectors]


def _shown_run(found: CountedExecution) -> Execution:
    run = found.record
    return Execution(
        id=run.id,
        policy_id=run.vendor_id,
        start_time=time_text(run.started_at),
        end_time=time_text(run.finished_at) if run.finished_at else "",
        status=run.status,
        trigger=run.trigger.capitalize(),
        dry_run=json.loads(run.attributes)[DRY_RUN],
    )


def _shown_task(task: TaskRecord) -> Task:
    attributes = json.loads(task.attributes)
    return Task(
        id=task.id,
        execution_id=task.execution_id,
        repository=attributes[REPOSITORY].partition("/")[2],
        status=task.status,
        status_code=int(task.status == SUCCESS),
        start_time=time_text(task.started_at) if task.started_at else "",
        end_time=time_text(task.finished_at) if task.finished_at else "",
        total=attributes.get("total", 0),
        retained=attributes.get("retained", 0),
    )


def _selector_metadata(text: str, decorations: Sequence[str]) -> dict[str, object]:
    return {"display_text": text, "kind": "doublestar", "decorations": decorations}


_METADATA = {
    "templates": [
        {
            "rule_template": name,
            "display_text": template.text,
            "action": "retain",
            "params": [{"type": "int", "unit": template.unit, "required": True}] if template.unit else [],
        }
        for name, template in TEMPLATES.items()
    ],
    "scope_selectors": [_selector_metadata("Repositories", ["repoMatches", "repoExcludes"])],
    "tag_selectors": [_selector_metadata("Tags", ["matches", "excludes"])],
}
