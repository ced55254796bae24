"""`python -m pytest -p tests.torture.report`: runs the tests that the plan names, and prints how its checks fared.

Only what is in the plan is run; figures that a test recorded stand below the checks.
"""

from collections import defaultdict

import pytest

from tests.torture.plan import CHECKS, Check

_WORDS = {"passed": "passed", "failed": "FAILED", "skipped": "skipped"}


class Report:
    def __init__(self) -> None:
        self._outcomes: dict[str, str] = {}
        self._figures: dict[str, list[tuple[str, object]]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = [item for item in items if any(check.names(item.nodeid) for check in CHECKS)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
        items[:] = wanted

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[report.nodeid] = report.outcome
        if report.when == "call" and report.user_properties:
            self._figures[report.nodeid] = report.user_properties

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("the plan")
        for check in CHECKS:
            terminalreporter.line(f"{check.number:>3}  {check.what:<44} {self._result(check)}")
        for test, figures in self._figures.items():
            terminalreporter.line(f"{test}: " + ", ".join(f"{value} {name}" for name, value in figures))

    def _result(self, check: Check) -> str:
        counts: dict[str, int] = defaultdict(int)
        for test, outcome in self._outcomes.items():
            if check.names(test):
                counts[_WORDS[outcome]] += 1
        results = [f"{count} {word}" for word, count in counts.items()]
        return "; ".join([", ".join(results)] * bool(results) + [f"not there yet: {check.lacks}"] * bool(check.lacks))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Report(), "torture-report")
