"""The lists of known flaws and threats: each is met by tests that exist, or by nothing that could have it."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.security import flaws, threats

TESTS = Path(__file__).parents[1]
TABLES = [flaws.DISTRIBUTION, flaws.HARBOR, flaws.ZOT, flaws.QUAY, flaws.OTHERS, flaws.LIBRARIES]
NAMED = {
    test
    for tests in (*(row for table in TABLES for row in table.values()), *(row for _, row in threats.THREATS.values()))
    for test in tests
}
_ADVISORY = re.compile(r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3})")


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_test_that_is_named_exists() -> None:
    missing = [test for test in sorted(NAMED) if test.partition("::")[2] not in names_in(test.partition("::")[0])]
    assert missing == []


def test_every_flaw_is_met_by_something() -> None:
    assert all(tests for table in TABLES for tests in table.values())
    assert all(tests for _, tests in threats.THREATS.values())


def test_no_flaw_is_both_met_and_said_to_be_impossible() -> None:
    met = {advisory for table in TABLES for name in table for advisory in _ADVISORY.findall(name)}
    impossible = {advisory for names in flaws.NOT_HERE.values() for advisory in _ADVISORY.findall(names)}
    assert len(met) > 50
    assert met & impossible == set()


def test_every_threat_is_in_one_of_the_lists() -> None:
    assert sorted([*threats.THREATS, *threats.NOT_HERE]) == list(range(1, 56))
