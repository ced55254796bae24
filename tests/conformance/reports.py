"""What the conformance program found, read from the JUnit file that it writes."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Report:
    """How many checks passed, how many the options left out, and what became of the others, by name."""

    passed: int
    disabled: int
    others: dict[str, str]


def read_report(junit: Path) -> Report:
    """Checks are leaves of the program's tree; its JUnit report calls disabled ones skipped, but counts them apart."""
    suite = ET.parse(junit).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped", "disabled")}
    passed = 2 * counts["tests"] - sum(counts.values())
    others = {
        case.get("name", ""): f"{case.get('status')} {case.findtext('system-out', '')}"
        for case in suite.iter("testcase")
        if case.get("status") not in {"passed", "skipped"}
    }
    if counts["skipped"]:
        skipped = [case.get("name", "") for case in suite.iter("testcase") if case.get("status") == "skipped"]
        others[f"{counts['skipped']} skipped"] = f"among {skipped}"
    return Report(passed, counts["disabled"], others)
