from pathlib import Path

from tests.conformance.reports import Report, read_report


def report_of(folder: Path, suite: str, *cases: tuple[str, str]) -> Report:
    written = "".join(f'<testcase name="{name}" status="{status}"/>' for name, status in cases)
    (folder / "junit.xml").write_text(f"<testsuites><testsuite {suite}>{written}</testsuite></testsuites>")
    return read_report(folder / "junit.xml")


def test_checks_that_all_passed_leave_nothing_else(tmp_path: Path) -> None:
    report = report_of(tmp_path, 'tests="2" failures="0" errors="0"', ("a", "passed"), ("b", "passed"))
    assert report == Report(passed=2, disabled=0, others={})


def test_failed_check_and_error_are_named(tmp_path: Path) -> None:
    report = report_of(tmp_path, 'tests="2" failures="1" errors="1"', ("a", "failure"), ("b", "error"))
    assert report.passed == 0
    assert set(report.others) == {"a", "b"}


def test_skipped_check_counts_as_not_passed(tmp_path: Path) -> None:
    report = report_of(tmp_path, 'tests="2" failures="0" errors="0" skipped="1"', ("a", "passed"), ("b", "skipped"))
    assert report.passed == 1
    assert list(report.others) == ["1 skipped"]


def test_disabled_check_is_counted_apart(tmp_path: Path) -> None:
    report = report_of(tmp_path, 'tests="2" failures="0" errors="0" disabled="1"', ("a", "passed"), ("b", "skipped"))
    assert report == Report(passed=1, disabled=1, others={})
