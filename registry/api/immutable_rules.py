"""Rules about tags that stay where they are: `/immutabletagrules`."""

from starlette.responses import Response

from registry.api.answers import Model, created, done, listed
from registry.api.bodies import parse_body
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.immutability import ACTION, TEMPLATE, ImmutableRules, Rule, StoredRule
from registry.core.selectors import Selector
from registry.errors import BadQuery
from registry.web import Call


class ShownSelector(Model, kw_only=True):
    """Harbor's `ImmutableSelector`."""

    kind: str = ""
    decoration: str = ""
    pattern: str = ""
    extras: str = ""


class ShownRule(Model, kw_only=True):
    """Harbor's `ImmutableRule`."""

    id: int = 0
    priority: int = 0
    disabled: bool = False
    action: str = ""
    template: str = ""
    tag_selectors: list[ShownSelector]
    scope_selectors: dict[str, list[ShownSelector]]


class WantedRule(Model, kw_only=True):
    """What of an `ImmutableRule` somebody chooses."""

    id: int = 0
    priority: int = 0
    disabled: bool = False
    tag_selectors: list[Selector] | None = None
    scope_selectors: dict[str, list[Selector]] | None = None

    def rule(self) -> Rule:
        scopes = {scope: tuple(selectors) for scope, selectors in (self.scope_selectors or {}).items()}
        return Rule(self.priority, tuple(self.tag_selectors or ()), scopes)


class ImmutableRuleEndpoints:
    def __init__(self, rules: ImmutableRules) -> None:
        self._rules = rules

    @answers(list[ShownRule], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._rules.page(call.project.id, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(takes=WantedRule, status=201, refuses=(409,))
    def post(self, call: Call) -> Response:
        wanted = parse_body(call.body, WantedRule)
        return created(call, self._rules.create(call.actor, call.project.id, wanted.rule(), disabled=wanted.disabled))

    @answers(takes=WantedRule, refuses=(409,))
    def put(self, call: Call) -> Response:
        wanted, rule_id = parse_body(call.body, WantedRule), call.number("rule_id")
        if wanted.id not in (0, rule_id):
            raise BadQuery(f"bad request: the rule in the body has id {wanted.id}, that of the address {rule_id}")
        self._rules.change(call.actor, call.project.id, rule_id, wanted.rule(), disabled=wanted.disabled)
        return done()

    @answers()
    def delete(self, call: Call) -> Response:
        self._rules.delete(call.actor, call.project.id, call.number("rule_id"))
        return done()


def _shown(found: StoredRule) -> ShownRule:
    return ShownRule(
        id=found.id,
        priority=found.rule.priority,
        disabled=found.is_disabled,
        action=ACTION,
        template=TEMPLATE,
        tag_selectors=[shown_selector(each) for each in found.rule.tag_selectors],
        scope_selectors={
            scope: [shown_selector(each) for each in selectors]
            for scope, selectors in found.rule.scope_selectors.items()
        },
    )


def shown_selector(selector: Selector) -> ShownSelector:
    return ShownSelector(
        kind=selector.kind, decoration=selector.decoration, pattern=selector.pattern, extras=selector.extras
    )
