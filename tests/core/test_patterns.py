"""Patterns of rules."""

import pytest

from registry.core.patterns import BadPattern, matches, must_be_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("**", ["", "a", "a/b/c"], []),
        ("*", ["", "ab"], ["a/b"]),
        ("v*", ["v", "v1.0"], ["1", "xv1"]),
        ("v?.?", ["v1.2"], ["v1.20", "v/.1"]),
        ("a/**", ["a", "a/b", "a/b/c"], ["ab", "b/a"]),
        ("**/b", ["b", "x/b", "x/y/b"], ["xb", "b/x"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["axb", "a/xb"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("{a,b}*", ["a", "bc"], ["cc"]),
        ("v1.{0,2}", ["v1.0", "v1.2"], ["v1.1", "v1.{0,2}"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "/x"]),
        ("[!a-c]x", ["dx"], ["ax", "/x"]),
        ("[^0-9]*", ["a1"], ["1a"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("\\*", ["*"], ["a"]),
        ("\\{a,b}", ["{a,b}"], ["a"]),
        ("", [""], ["a"]),
    ],
)
def test_patterns_mean_what_they_mean_to_doublestar(pattern: str, matching: list[str], others: list[str]) -> None:
    assert [text for text in [*matching, *others] if matches(pattern, text)] == matching


@pytest.mark.parametrize("pattern", ["a[b", "a{b", "a\\", "{a,{b,c}}", "a" * 1025, "{1,2,3,4,5,6,7,8,9}" * 3])
def test_text_that_is_no_pattern_or_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        must_be_pattern(pattern)


def test_pattern_that_would_keep_a_backtracking_matcher_for_years_ends() -> None:
    assert not matches("*a" * 300 + "b", "a" * 255)
