"""Rules of a project about tags: which stay where they are, and which artifacts are kept when old ones go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from registry.core.immutability import ImmutableRules
from registry.core.immutability import Rule as ImmutableRule
from registry.core.retention import DELETED, DRY_RUN, FREED, Policy, Retention, StoredPolicy
from registry.core.retention_rules import TEMPLATES, Rule
from registry.core.schedules import CUSTOM, NONE, Timing
from registry.core.selectors import REPOSITORY, Selector
from registry.errors import BadQuery, Conflict, NotFound
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.ui.storage import STATUSES, TIMINGS, ShownRun
from registry.ui.texts import reason
from registry.web import PAGES, Call
from storage.metadata.executions import ExecutionRecord, TaskRecord
from storage.metadata.listings import Listing

KEEPS = {
    "latestPushedK": marked("the last %(count)s that were pushed"),
    "latestPulledN": marked("the last %(count)s that were pulled"),
    "nDaysSinceLastPush": marked("what was pushed in the last %(count)s days"),
    "nDaysSinceLastPull": marked("what was pulled in the last %(count)s days"),
    "always": marked("all"),
}
"""What the templates of retention rules keep."""
_RUNS, _TOLD = 5, 200


@dataclass(frozen=True, slots=True)
class ShownTask:
    """What a run found in one repository: `goes` are the first of the names that go, of `count` in all; `freed` are the
    bytes that a preview counted.
    """

    record: TaskRecord
    repository: str
    total: int
    retained: int
    goes: Sequence[str]
    count: int
    freed: int | None


class TagRuleScreens:
    def __init__(self, pages: Pages, immutable: ImmutableRules, retention: Retention) -> None:
        self._pages = pages
        self._immutable = immutable
        self._retention = retention

    def get(self, call: Call) -> Response:
        return self._shown(call)

    def add_immutable(self, call: Call) -> Response:
        rule = ImmutableRule(tag_selectors=_tags(call), scope_selectors=_repositories(call))
        try:
            self._immutable.create(call.actor, call.project.id, rule, disabled=False)
        except Conflict:
            return self._shown(call, of_immutable=marked("There is such a rule already."))
        except BadQuery as error:
            return self._shown(call, of_immutable=marked("The rule was not added:"), detail=reason(error))
        return self._done(call, marked("The rule was added."))

    def turn_immutable(self, call: Call) -> Response:
        number, disabled = call.number("rule_id"), call.form("disabled") == "true"
        known = {each.id: each.rule for each in self._immutable.page(call.project.id, Listing(size=0))[0]}
        if number not in known:
            raise NotFound(f"immutable rule {number} not found")
        self._immutable.change(call.actor, call.project.id, number, known[number], disabled=disabled)
        return self._turned(call, disabled=disabled)

    def remove_immutable(self, call: Call) -> Response:
        self._immutable.delete(call.actor, call.project.id, call.number("rule_id"))
        return self._done(call, marked("The rule was removed."))

    def add(self, call: Call) -> Response:
        """A retention rule; the first of a project makes its policy."""
        known = self._retention.find(call.project.id)
        rules = known.policy.rules if known else ()
        try:
            self._put(call, known, Policy((*rules, _rule(call)), known.policy.cron if known else ""))
        except Conflict:
            return self._shown(call, of_retention=marked("There is such a rule already."))
        except BadQuery as error:
            return self._shown(call, of_retention=marked("The rule was not added:"), detail=reason(error))
        return self._done(call, marked("The rule was added."))

    def turn(self, call: Call) -> Response:
        known, disabled = self._known(call), call.form("disabled") == "true"
        number = _rule_number(call, known)
        rules = [
            msgspec.structs.replace(each, disabled=disabled) if each.id == number else each
            for each in known.policy.rules
        ]
        self._put(call, known, Policy(tuple(rules), known.policy.cron))
        return self._turned(call, disabled=disabled)

    def remove(self, call: Call) -> Response:
        """A retention rule; with the last of them the policy goes, and what its runs have told."""
        known = self._known(call)
        number = _rule_number(call, known)
        rules = tuple(each for each in known.policy.rules if each.id != number)
        if rules:
            self._put(call, known, Policy(rules, known.policy.cron))
        else:
            self._retention.delete(call.actor, known.id)
        return self._done(call, marked("The rule was removed."))

    def schedule(self, call: Call) -> Response:
        known = self._known(call)
        try:
            self._put(call, known, Policy(known.policy.rules, _cron(call)))
        except BadQuery as error:
            return self._shown(call, of_schedule=marked("The schedule was not set:"), detail=reason(error))
        return self._done(call, marked("The schedule was set."))

    def ask_run(self, call: Call) -> Response:
        self._known(call)
        return self._pages.show(call, "follow_rules.html")

    def run(self, call: Call) -> Response:
        """Look at what would go, or let it go."""
        number = self._retention.begin(call.actor, self._known(call).id, dry_run=bool(call.form("dry_run")))
        return self._pages.go(call, f"{_address(call)}/runs/{number}")

    def stop(self, call: Call) -> Response:
        self._retention.stop(self._known(call).id, call.number("execution_id"))
        return self._done(call, marked("The run was stopped."))

    def result(self, call: Call) -> Response:
        policy_id, number = self._known(call).id, call.number("execution_id")
        run = self._retention.run(policy_id, number)
        found, total = self._retention.tasks(policy_id, number, Listing(size=_TOLD, sort=("id",)))
        tasks = [_shown_task(task) for task in found]
        return self._pages.show(
            call,
            "retention_run.html",
            run=_shown_run(run),
            tasks=tasks,
            freed=sum(task.freed or 0 for task in tasks),
            total=total,
            statuses=STATUSES,
        )

    def _known(self, call: Call) -> StoredPolicy:
        """Raises `NotFound`."""
        known = self._retention.find(call.project.id)
        if known is None:
            raise NotFound(f"project {call.project.name} has no retention policy")
        return known

    def _put(self, call: Call, known: StoredPolicy | None, policy: Policy) -> None:
        if known:
            self._retention.change(call.actor, known.id, policy)
        else:
            self._retention.create(call.actor, call.project.id, policy)

    def _shown(self, call: Call, *, detail: str = "", **errors: str) -> Response:
        """`errors` stand in the form that they are of: `of_immutable`, `of_retention` or `of_schedule`."""
        may_see = "immutable-tag:list" in call.permissions
        known = self._retention.find(call.project.id)
        runs, _ = self._retention.page(known.id, Listing(size=_RUNS)) if known else ([], 0)
        return self._pages.show(
            call,
            "tag_rules.html",
            422 if errors else 200,
            immutable=self._immutable.page(call.project.id, Listing(size=0))[0] if may_see else None,
            policy=known.policy if known else Policy(),
            timing=_timing(known.policy.cron if known else ""),
            runs=[_shown_run(each.record) for each in runs],
            keeps=KEEPS,
            timings=TIMINGS,
            statuses=STATUSES,
            base=_address(call),
            errors=errors,
            detail=detail,
        )

    def _turned(self, call: Call, *, disabled: bool) -> Response:
        return self._done(call, marked("The rule is off now.") if disabled else marked("The rule is on now."))

    def _done(self, call: Call, note: str) -> Response:
        return self._pages.go(call, _address(call), note)


def _address(call: Call) -> str:
    return f"{PAGES}/projects/{call.project.name}/rules"


def _repositories(call: Call) -> dict[str, tuple[Selector, ...]]:
    decoration = "repoExcludes" if call.form("repositories") == "excludes" else "repoMatches"
    return {REPOSITORY: (Selector(decoration=decoration, pattern=call.form("repository_pattern")),)}


def _tags(call: Call, extras: str = "") -> tuple[Selector, ...]:
    decoration = "excludes" if call.form("tags") == "excludes" else "matches"
    return (Selector(decoration=decoration, pattern=call.form("tag_pattern"), extras=extras),)


def _rule(call: Call) -> Rule:
    """Raises `BadQuery`."""
    template, number = call.form("template"), call.form("number")
    untagged = msgspec.json.encode({"untagged": bool(call.form("untagged"))}).decode()
    if template in TEMPLATES and TEMPLATES[template].unit and not (number.isdecimal() and len(number) < 10):
        raise BadQuery("say how many, or of how many days")
    params = {template: int(number)} if template in TEMPLATES and TEMPLATES[template].unit else {}
    return Rule(
        template=template, params=params, tag_selectors=_tags(call, untagged), scope_selectors=_repositories(call)
    )


def _rule_number(call: Call, known: StoredPolicy) -> int:
    """Raises `NotFound`."""
    number = call.number("rule_id")
    if number not in [each.id for each in known.policy.rules]:
        raise NotFound(f"retention rule {number} not found")
    return number


def _cron(call: Call) -> str:
    """The expression of the schedule that was chosen, empty for none. Raises `BadQuery`."""
    kind = call.form("kind")
    if kind == NONE:
        return ""
    cron = Timing(kind, call.form("cron") if kind == CUSTOM else "").expression()
    if not cron:
        raise BadQuery("write six fields, such as '0 30 2 * * *'")
    return cron


def _timing(cron: str) -> Timing:
    """The kind of schedule that an expression is."""
    usual = [kind for kind in TIMINGS if kind not in (NONE, CUSTOM)]
    kind = next((each for each in usual if Timing(each).expression() == cron), CUSTOM)
    return Timing(kind, cron) if cron else Timing(NONE)


def _shown_run(run: ExecutionRecord) -> ShownRun:
    return ShownRun(run, {DRY_RUN: False, **msgspec.json.decode(run.attributes, type=dict[str, Any])})


def _shown_task(task: TaskRecord) -> ShownTask:
    told = msgspec.json.decode(task.attributes, type=dict[str, Any])
    goes = told.get(DELETED, [])
    return ShownTask(
        task,
        told["repository"],
        told.get("total", 0),
        told.get("retained", 0),
        goes[:_TOLD],
        len(goes),
        told.get(FREED),
    )
