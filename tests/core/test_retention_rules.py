"""What retention rules keep."""

from collections.abc import Mapping

import msgspec
import pytest

from registry.core.clocks import DAY_MS
from registry.core.retention_rules import Candidate, Rule, kept, must_be_rules
from registry.core.selectors import Selector
from registry.errors import BadQuery, Conflict

NOW = 100 * DAY_MS
# id, tags, pushed and pulled so many days ago
CANDIDATES = [
    Candidate(number, f"sha256:{number}", tags, NOW - pushed * DAY_MS, NOW - pulled * DAY_MS if pulled else 0)
    for number, tags, pushed, pulled in [
        (1, ("v1", "old"), 30, 1),
        (2, ("v2",), 20, 5),
        (3, ("dev",), 10, 0),
        (4, (), 2, 40),
        (5, ("v5",), 1, 0),
    ]
]


def rule(template: str, number: int | float | None = None, tags: str = "**", **more: object) -> Rule:
    values: dict[str, object] = {
        "template": template,
        "params": {} if number is None else {template: number},
        "tag_selectors": (Selector(pattern=tags),),
        "scope_selectors": {"repository": (Selector(decoration="repoMatches", pattern="**"),)},
        **more,
    }
    return Rule(**values)  # type: ignore[arg-type]  # each is of its field's type


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule("latestPushedK", 2)], {4, 5}),
        ([rule("latestPushedK", 0)], set()),
        ([rule("latestPulledN", 2)], {1, 2}),
        ([rule("nDaysSinceLastPush", 10)], {3, 4, 5}),
        ([rule("nDaysSinceLastPull", 5)], {1, 2}),
        ([rule("always")], {1, 2, 3, 4, 5}),
        ([rule("latestPushedK", 1.0, tags="v*")], {5}),
        ([rule("latestPushedK", 9, tags="v*")], {1, 2, 4, 5}),
        ([rule("latestPushedK", 1), rule("always", tags="old")], {1, 4, 5}),
        ([rule("always", disabled=True), rule("latestPushedK", 1)], {5}),
        ([rule("always", disabled=True)], {1, 2, 3, 4, 5}),
        ([], {1, 2, 3, 4, 5}),
    ],
)
def test_rules_add_up_to_what_stays(rules: list[Rule], expected: set[int]) -> None:
    assert kept(rules, "team/app", CANDIDATES, NOW) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (Selector(pattern="v*"), {1, 2, 4, 5}),
        (Selector(pattern="v*", extras='{"untagged":false}'), {1, 2, 5}),
        (Selector(pattern="v*", extras='{"untagged":true}'), {1, 2, 4, 5}),
        (Selector(decoration="excludes", pattern="v*", extras='{"untagged":false}'), {1, 3}),
        (Selector(pattern="**", extras="no json"), {1, 2, 3, 4, 5}),
    ],
)
def test_selectors_choose_by_any_tag_and_say_what_is_untagged(selector: Selector, expected: set[int]) -> None:
    assert kept([rule("always", tag_selectors=(selector,))], "team/app", CANDIDATES, NOW) == expected


@pytest.mark.parametrize(
    ("pattern", "decoration", "is_about"),
    [("app", "repoMatches", True), ("a/**", "repoMatches", False), ("app", "repoExcludes", False)],
)
def test_repository_that_no_rule_is_about_is_left_alone(pattern: str, decoration: str, is_about: bool) -> None:
    scopes = {"repository": (Selector(decoration=decoration, pattern=pattern),)}
    staying = kept([rule("latestPushedK", 0, scope_selectors=scopes)], "team/app", CANDIDATES, NOW)
    assert staying == (set() if is_about else {1, 2, 3, 4, 5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": "nothing"},
        {"params": {}},
        {"params": {"latestPushedK": "5"}},
        {"params": {"latestPushedK": True}},
        {"params": {"latestPushedK": -1}},
        {"params": {"latestPushedK": 1.5}},
        {"tag_selectors": ()},
        {"scope_selectors": {}},
    ],
)
def test_rule_that_is_not_sound_is_refused(wrong: Mapping[str, object]) -> None:
    with pytest.raises(BadQuery):
        must_be_rules([msgspec.structs.replace(rule("latestPushedK", 5), **wrong)])


def test_too_many_rules_and_the_same_rule_twice_are_refused() -> None:
    with pytest.raises(BadQuery):
        must_be_rules([rule("latestPushedK", number) for number in range(16)])
    with pytest.raises(Conflict):
        must_be_rules([rule("always"), rule("always", disabled=True)])
