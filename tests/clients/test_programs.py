import sys
from pathlib import Path

import pytest

from tests.clients.programs import Client, bare_environment, find_program


def test_missing_program_skips_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_CLIENTS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        find_program("no-such-program")


def test_missing_program_fails_its_test_where_clients_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_CLIENTS", "1")
    with pytest.raises(pytest.fail.Exception, match=r"no-such-program is not installed: run \.ci/install"):
        find_program("no-such-program")


def python(folder: Path) -> Client:
    return Client((sys.executable, "-c"), bare_environment(folder / "home"), folder)


def test_program_that_fails_where_it_should_work_shows_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no such tide"):
        python(tmp_path).run("raise SystemExit('no such tide')")


def test_program_that_works_where_it_should_fail_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="was expected to fail"):
        python(tmp_path).fail("print(1)")


def test_program_sees_nothing_of_the_environment_of_the_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDE", "high")
    assert (
        python(tmp_path).run("import os; print(os.environ.get('TIDE'), os.environ['HOME'])")
        == f"None {tmp_path / 'home'}"
    )
