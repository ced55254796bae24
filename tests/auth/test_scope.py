"""Scopes: the grammar, what is dropped, and what is too much."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.scope import MAX_SCOPES, MAX_VALUE, BadScope, Scope, format_scope, parse_scopes


def scope(name: str, *actions: str, type_: str = "repository") -> Scope:
    return Scope(type_, name, frozenset(actions))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("repository:a/b:pull", scope("a/b", "pull")),
        ("repository:a/b:push,pull", scope("a/b", "pull", "push")),
        ("repository:a/b:*", scope("a/b", "*")),
        ("repository:host:5000/a/b:pull", scope("host:5000/a/b", "pull")),
        ("repository(plugin):a/b:pull", scope("a/b", "pull")),
        ("repository():a/b:pull", scope("a/b", "pull")),
        ("registry:catalog:*", scope("catalog", "*", type_="registry")),
        ("repository:a/../b:pull", scope("a/../b", "pull")),
        ("repository:*:*", scope("*", "*")),
        ("artifact:a/b:pull", scope("a/b", "pull", type_="artifact")),
        ("repository:a/b:pull,fly", scope("a/b", "pull", "fly")),
        ("repository:a/b:pull,,", scope("a/b", "pull")),
        ("repository:a/b:", scope("a/b")),
        ("Repository:a/b:PULL", scope("a/b", "PULL", type_="Repository")),
    ],
)
def test_a_scope_is_kept_as_it_was_asked_for(value: str, expected: Scope) -> None:
    assert parse_scopes([value]) == [expected]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "pull",
        "repository",
        "repository:a/b",
        "repository::pull",
        ":a/b:pull",
        "::",
        "(plugin):a/b:pull",
        "repository(plugin:a/b:pull",
        "repository)plugin(:a/b:pull",
        "repository(a)(b):a/b:pull",
        "repository:a\0b:pull",
        "repository:a/b:pull\r\nrepository:c/d:pull",
        "repository:a/b:pull\trepository:c/d:pull",
        "repository:a\u202e/b:pull",
        "repository:a\u00a0b:pull",
        "repository:\ud800:pull",
    ],
)
def test_a_malformed_scope_is_dropped_and_its_neighbours_stay(value: str) -> None:
    good = "repository:x/y:pull"
    assert parse_scopes([value]) == []
    assert parse_scopes([f"{good} {value}".strip(), "registry:catalog:*"])[-1].name == "catalog"
    assert parse_scopes([value, good]) == [scope("x/y", "pull")]


def test_scopes_come_in_several_values_and_several_to_a_value() -> None:
    assert parse_scopes(["repository:a/b:pull  repository:c/d:push", "repository:e/f:delete"]) == [
        scope("a/b", "pull"),
        scope("c/d", "push"),
        scope("e/f", "delete"),
    ]


def test_scopes_of_one_thing_are_united_in_the_order_of_their_first_mention() -> None:
    values = ["repository:z/z:pull repository:a/a:pull", "repository:z/z:pull,push", "repository(plugin):a/a:delete"]
    assert parse_scopes(values) == [scope("z/z", "pull", "push"), scope("a/a", "pull", "delete")]


def test_things_of_one_name_and_two_types_are_two_things() -> None:
    assert len(parse_scopes(["repository:catalog:pull registry:catalog:*"])) == 2


def test_sixty_four_scopes_may_be_asked_for_and_one_more_may_not() -> None:
    entries = [f"repository:a/{number}:pull" for number in range(MAX_SCOPES)]
    assert len(parse_scopes(entries)) == MAX_SCOPES
    assert len(parse_scopes([" ".join(entries)])) == MAX_SCOPES
    for too_many in ([*entries, "x"], [" ".join([*entries, entries[0]])]):
        with pytest.raises(BadScope, match="more than 64"):
            parse_scopes(too_many)


def test_a_value_over_eight_kibibytes_is_refused_even_if_it_is_blank() -> None:
    assert parse_scopes([" " * MAX_VALUE]) == []
    with pytest.raises(BadScope, match="too long"):
        parse_scopes([" " * (MAX_VALUE + 1)])


def test_actions_are_written_in_the_usual_order_and_once() -> None:
    actions = ["zip", "delete", "*", "push", "pull", "pull"]
    assert format_scope("repository", "a/b", actions) == "repository:a/b:pull,push,delete,*,zip"
    assert format_scope("registry", "catalog", frozenset("*")) == "registry:catalog:*"


@settings(deadline=None)
@given(st.text(alphabet="ab:/(),* \n\0", max_size=40))
def test_what_is_read_can_be_written_and_read_again(value: str) -> None:
    scopes = parse_scopes([value])
    assert parse_scopes(format_scope(each.type, each.name, each.actions) for each in scopes) == scopes
