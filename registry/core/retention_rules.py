"""Which artifacts of a repository a retention policy keeps, in the language of Harbor's rules.

A rule is about some repositories and, by its tags, about some of their artifacts; of these it keeps the newest few, or
what is recent, or all. What any rule keeps stays; of a repository that some rule is about everything else goes. An
artifact stays or goes whole, with all of its tags.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from registry.core.clocks import DAY_MS
from registry.core.selectors import Selector, must_be_sound, select_repository
from registry.errors import BadQuery, Conflict

RULES_LIMIT = 15
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artifact that may go. Times are in milliseconds; what was never pulled has 0."""

    manifest_id: int
    digest: str
    tags: tuple[str, ...]
    pushed_at: int
    pulled_at: int


Keep = Callable[[Sequence[Candidate], int, int], Sequence[Candidate]]


@dataclass(frozen=True, slots=True)
class Template:
    """What a rule does with the artifacts that it is about: those that it keeps, by its number and the time of now."""

    text: str
    unit: str
    keep: Keep


def _newest(key: Callable[[Candidate], int]) -> Keep:
    def keep(found: Sequence[Candidate], count: int, _now: int) -> Sequence[Candidate]:
        return sorted(found, key=lambda each: (key(each), each.manifest_id), reverse=True)[:count]

    return keep


def _recent(key: Callable[[Candidate], int]) -> Keep:
    return lambda found, days, now: [each for each in found if key(each) >= now - days * DAY_MS]


def _pushed(each: Candidate) -> int:
    return each.pushed_at


def _pulled(each: Candidate) -> int:
    return each.pulled_at


TEMPLATES: Mapping[str, Template] = {
    "latestPushedK": Template("the most recently pushed # artifacts", "COUNT", _newest(_pushed)),
    "latestPulledN": Template("the most recently pulled # artifacts", "COUNT", _newest(_pulled)),
    "nDaysSinceLastPush": Template("pushed within the last # days", "DAYS", _recent(_pushed)),
    "nDaysSinceLastPull": Template("pulled within the last # days", "DAYS", _recent(_pulled)),
    "always": Template("always", "", lambda found, _number, _now: found),
}


class Rule(msgspec.Struct, frozen=True):
    """Harbor's `RetentionRule`, as it is kept."""

    id: int = 0
    priority: int = 0
    disabled: bool = False
    template: str = ""
    params: Mapping[str, object] = {}
    tag_selectors: tuple[Selector, ...] = ()
    scope_selectors: Mapping[str, tuple[Selector, ...]] = {}

    def is_about(self, repository: str) -> bool:
        return not self.disabled and select_repository(self.scope_selectors, repository)

    def keeps(self, candidates: Sequence[Candidate], now: int) -> Sequence[Candidate]:
        chosen = [each for each in candidates if all(_selects(selector, each) for selector in self.tag_selectors)]
        return TEMPLATES[self.template].keep(chosen, self.number, now)

    @property
    def number(self) -> int:
        """How many, or of how many days; 0 where the rule has no such number. Raises `BadQuery`."""
        if not TEMPLATES[self.template].unit:
            return 0
        value = self.params.get(self.template)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise BadQuery(f"bad request: the rule needs a whole number {self.template} in its params")
        if not 0 <= value <= _MOST:
            raise BadQuery(f"bad request: {self.template} must be from 0 to {_MOST:,}")
        return int(value)


def _selects(selector: Selector, candidate: Candidate) -> bool:
    if not candidate.tags:
        return selector.takes_untagged
    return any(selector.selects(tag) for tag in candidate.tags)


def kept(rules: Sequence[Rule], repository: str, candidates: Sequence[Candidate], now: int) -> set[int]:
    """Ids of those that stay; all of them where no rule is about the repository."""
    about = [rule for rule in rules if rule.is_about(repository)]
    if not about:
        return {each.manifest_id for each in candidates}
    return {each.manifest_id for rule in about for each in rule.keeps(candidates, now)}


def must_be_rules(rules: Sequence[Rule]) -> None:
    """Raises `BadQuery`, and `Conflict` for a rule that is there twice."""
    if len(rules) > RULES_LIMIT:
        raise BadQuery(f"bad request: only {RULES_LIMIT} retention rules are allowed at most")
    seen: list[tuple[object, ...]] = []
    for rule in rules:
        if rule.template not in TEMPLATES:
            raise BadQuery(f"bad request: {rule.template[:40]!r} is not a template of rules")
        must_be_sound(rule.scope_selectors, rule.tag_selectors)
        told = (rule.template, rule.number, rule.tag_selectors, dict(rule.scope_selectors))
        if told in seen:
            raise Conflict("duplicate rule")
        seen.append(told)
