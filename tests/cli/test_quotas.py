"""The commands that limit how much projects keep, and show it."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry.app import prepare
from registry.cli import main
from registry.config import Config
from storage.metadata import manifests, projects, repositories
from storage.metadata.database import Database

Cove = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A registry whose project `team` keeps 1,500 bytes."""
    folder = tmp_path / "registry"
    prepare(Config(data=folder))
    with closing(Database.open(folder / "cove.db")) as database, database.write() as tx:
        team = projects.add(tx, "team", is_public=False, now=1)
        row = repositories.get_or_create(tx, team.id, "team/app", 1)
        manifests.add(
            tx, row.id, digest="sha256:1", media_type="x", artifact_type=None, subject=None, annotations={},
            content=b"x" * 1500, references={}, now=1,
        )  # fmt: skip
    return folder


@pytest.fixture
def cove(data: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    monkeypatch.setenv("COVE_DATA", str(data))
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="cove")


def record(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.output)
    return found


def test_limit_is_set_and_lifted(cove: Cove) -> None:
    assert cove("project", "quota", "team", "10GB").output == ("Project team may keep 10.0 GB now; it keeps 1.5 kB.\n")
    assert record(cove("project", "show", "team", "--json"))["quota_bytes"] == 10**10
    assert cove("project", "quota", "team", "none").output == "Project team has no limit now; it keeps 1.5 kB.\n"
    assert record(cove("project", "show", "team", "--json"))["quota_bytes"] is None


def test_limit_below_what_is_there_is_taken_and_said_to_be_one(cove: Cove) -> None:
    assert cove("project", "quota", "team", "1499").output == (
        "Project team may keep 1.5 kB now; it keeps 1.5 kB: nothing more can be pushed to it until that is less.\n"
    )
    shown = record(cove("project", "show", "team", "--json"))
    assert (shown["quota_bytes"], shown["used_bytes"]) == (1499, 1500)


def test_project_is_shown_with_what_it_keeps(cove: Cove) -> None:
    assert cove("project", "show", "team").output == "Project team is private and has no limit; it keeps 1.5 kB.\n"
    assert cove("project", "show", "none").stderr == "cove: project 'none' does not exist\n"


def test_projects_are_listed_with_use_and_limit(cove: Cove) -> None:
    cove("project", "quota", "team", "1MiB")
    head, library, team = cove("project", "list").output.splitlines()
    assert head == "NAME     PUBLIC  USED     QUOTA   CREATED AT"
    assert library.startswith("library  yes     0 bytes  -       2")
    assert team.startswith("team     no      1.5 kB   1.0 MB  1")


@pytest.mark.parametrize("size", ["0", "much", "1.5GB", "-5", ""])
def test_size_that_is_none_is_refused(cove: Cove, size: str) -> None:
    refused = cove("project", "quota", "team", "--", size)
    assert refused.exit_code == 2
    assert "must be a number of bytes, such as 500MB, 10GiB or 1048576" in refused.stderr
    assert record(cove("project", "show", "team", "--json"))["quota_bytes"] is None


def test_new_project_has_the_limit_of_the_settings_or_its_own(cove: Cove, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record(cove("project", "add", "a", "--json"))["quota_bytes"] is None
    monkeypatch.setenv("COVE_QUOTA_BYTES", "5GB")
    assert record(cove("project", "add", "b", "--json"))["quota_bytes"] == 5 * 10**9
    assert record(cove("project", "add", "c", "--quota", "1GB", "--json"))["quota_bytes"] == 10**9
    assert record(cove("project", "add", "d", "--quota", "none", "--json"))["quota_bytes"] is None


def test_first_project_has_the_limit_of_the_settings(tmp_path: Path) -> None:
    prepare(Config(data=tmp_path / "other", quota_bytes=7))
    with closing(Database.open(tmp_path / "other" / "cove.db")) as database, database.read() as tx:
        assert [project.quota_bytes for project in projects.list_all(tx)] == [7]


def test_recount_says_what_differed_and_corrects_it(cove: Cove, data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE projects SET used_bytes = 2000")
    head, library, team = cove("project", "recount").output.splitlines()
    assert head == "NAME     RECORDED  USED     DIFFERENCE"
    assert library == "library  2.0 kB    0 bytes  -2000 bytes"
    assert team == "team     2.0 kB    1.5 kB   -500 bytes"
    [again] = json.loads(cove("project", "recount", "team", "--json").output)
    assert again == {"name": "team", "recorded_bytes": 1500, "used_bytes": 1500, "difference_bytes": 0}
    assert cove("project", "recount", "none").stderr == "cove: project 'none' does not exist\n"
