"""The plan is whole, and every test that it names is there."""

import ast
from functools import cache

import pytest

from tests.cli.running import ROOT
from tests.torture.plan import CHECKS, Check


@cache
def nodes() -> list[str]:
    """The ids of all tests, as far as they can be read from the files."""
    return [
        f"{path.relative_to(ROOT / 'tests')}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_plan_has_every_number_once_and_each_has_tests_or_says_what_there_is_not() -> None:
    assert [check.number for check in CHECKS] == list(range(1, 55))
    assert all(check.tests or check.lacks for check in CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.number))
def test_tests_that_the_plan_names_are_there(check: Check) -> None:
    for beginning in check.tests:
        assert any(node.startswith(beginning) for node in nodes()), beginning
