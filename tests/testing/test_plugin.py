"""The plugin as its users meet it: pytest finds it where Cove is installed, and runs their tests in another process."""

import pytest

from tests.testing.examples import python_files

pytestmark = pytest.mark.slow

HEAVY = ["httpx", "msgspec", "sqlalchemy", "starlette", "registry.testing"]


@pytest.fixture(autouse=True)
def _no_other_plugins(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:  # pytester drops options
    """The plugins of these tests here would take longer to load than all else; ours is asked for by its name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p cove")


def test_examples_of_the_page_pass(pytester: pytest.Pytester) -> None:
    files = python_files("testing.md")
    pytester.makepyfile(**{name.removesuffix(".py"): text for name, text in files.items()})
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=4)
    shown = pytester.runpython(pytester.path / "without_pytest.py").stdout.str()
    assert "/team/app@sha256:" in shown


def test_one_registry_serves_a_whole_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_first="def test_it(push_image): push_image('team/app:1')",
        test_second="def test_it(registry): assert registry.client.tags('team/app') == ['1']",
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_settings_of_a_conftest_hold(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def registry_settings():
            return {"blob_limit_bytes": "10"}
        """
    )
    pytester.makepyfile(
        """
        import pytest
        from registry.testing import ClientError

        def test_it(push_image):
            with pytest.raises(ClientError, match="413"):
                push_image("team/app:1", {"a": "1"})
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_sessions_that_do_not_use_it_pay_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import sys\n\ndef test_it(): assert [name for name in {HEAVY} if name in sys.modules] == []")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_fixtures_are_told_of(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in ("registry", "registry_url", "push_image", "registry_settings"):
        assert f"{name} [session scope]" in shown
