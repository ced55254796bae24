"""The commands that change the data: beside a running server, and by themselves."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

from registry.app import prepare
from registry.cli import main
from registry.config import Config
from tests.cli.running import Server, environment, start

Cove = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    prepare(Config(data=folder))
    return folder


@pytest.fixture
def cove(data: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run a command on `data`; what is given as `typed` is its standard input."""
    monkeypatch.setenv("COVE_DATA", str(data))
    return lambda *arguments, typed="": CliRunner().invoke(main, arguments, input=typed, prog_name="cove")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ExitStack() as stack:
        yield start(stack, tmp_path_factory.mktemp("server") / "log", (), {})


@pytest.fixture
def beside(server: Server, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run a command on the data of the running server."""
    monkeypatch.setenv("COVE_DATA", str(server.log.parent / "cove-data"))

    def run(*arguments: str, typed: str = "") -> Result:
        result = CliRunner().invoke(main, arguments, input=typed, prog_name="cove")
        assert result.exit_code == 0, result.output
        return result

    return run


def failure(result: Result) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


def test_added_user_can_sign_in_at_once(server: Server, beside: Cove) -> None:
    assert beside("user", "add", "ann", typed="Secret-1234\n").output == "User ann was added.\n"
    assert server.sign_in("ann", "Secret-1234") == 200
    assert server.sign_in("ann", "Secret-1235") == 401


def test_disabled_user_is_shut_out_until_enabled(server: Server, beside: Cove) -> None:
    beside("user", "add", "bob", typed="Secret-1234\n")
    assert server.sign_in("bob", "Secret-1234") == 200
    beside("user", "disable", "bob")
    assert server.sign_in("bob", "Secret-1234") == 401
    beside("user", "enable", "bob")
    assert server.sign_in("bob", "Secret-1234") == 200


def test_changed_password_is_the_only_one_that_works(server: Server, beside: Cove) -> None:
    beside("user", "add", "cid", typed="Secret-1234\n")
    assert server.sign_in("cid", "Secret-1234") == 200
    beside("user", "password", "cid", "--password-stdin", typed="Secret-5678\n")
    assert server.sign_in("cid", "Secret-1234") == 401
    assert server.sign_in("cid", "Secret-5678") == 200


def test_deleted_user_cannot_sign_in(server: Server, beside: Cove) -> None:
    beside("user", "add", "dan", typed="Secret-1234\n")
    assert server.sign_in("dan", "Secret-1234") == 200
    beside("user", "delete", "dan")
    assert server.sign_in("dan", "Secret-1234") == 401


def test_users_are_listed_as_a_table_for_people(cove: Cove) -> None:
    cove("user", "add", "ann", typed="Secret-1234\n")
    head, admin, ann = cove("user", "list").output.splitlines()
    assert head == "NAME   ADMIN  ENABLED  CREATED AT"
    assert admin.startswith("admin  yes    yes      2")
    assert ann.startswith("ann    no     yes      2")
    assert len(ann) == len(admin)


def test_users_are_listed_as_an_array_for_scripts_without_their_hashes(cove: Cove) -> None:
    [admin] = json.loads(cove("user", "list", "--json").output)
    assert admin["created_at"].endswith("Z")
    assert admin | {"created_at": None} == {"name": "admin", "admin": True, "enabled": True, "created_at": None}


def test_change_of_a_user_prints_the_record_for_scripts(cove: Cove) -> None:
    added = json.loads(cove("user", "add", "ann", "--admin", "--json", typed="Secret-1234\n").output)
    assert (added["name"], added["admin"], added["enabled"]) == ("ann", True, True)
    assert json.loads(cove("user", "disable", "ann", "--json").output)["enabled"] is False
    assert json.loads(cove("user", "enable", "ann", "--json").output)["enabled"] is True
    assert json.loads(cove("user", "delete", "ann", "--json").output)["name"] == "ann"
    assert len(json.loads(cove("user", "list", "--json").output)) == 1


def test_last_administrator_cannot_be_disabled(cove: Cove) -> None:
    assert "last active administrator" in failure(cove("user", "disable", "admin"))


def test_weak_password_is_refused_without_being_shown(cove: Cove) -> None:
    line = failure(cove("user", "add", "ann", typed="canary\n"))
    assert "at least 1 uppercase letter" in line
    assert "canary" not in line


def test_missing_password_is_refused(cove: Cove) -> None:
    assert failure(cove("user", "add", "ann")) == "cove: there is no password on standard input"


def test_password_that_is_not_text_is_refused(data: Path) -> None:
    command = ["user", "add", "ann", "--data", str(data)]
    result = CliRunner().invoke(main, command, input=b"\xff\xfe\n", prog_name="cove")
    assert failure(result) == "cove: the password on standard input is not UTF-8"


def test_password_is_asked_for_twice_on_a_terminal_and_not_echoed(data: Path) -> None:
    ours, theirs = pty.openpty()
    on_terminal = (
        "import fcntl, termios, runpy\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "runpy.run_module('registry.cli', run_name='__main__')"
    )
    command = [sys.executable, "-c", on_terminal, "user", "add", "ann", "--data", str(data)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment()
    ) as process:
        os.close(theirs)
        shown = read_until(ours, b"Password: ")
        os.write(ours, b"Secret-1234\n")
        shown += read_until(ours, b"Repeat for confirmation: ")
        os.write(ours, b"Secret-1234\n")
        shown += read_until(ours, b"User ann was added.")
    os.close(ours)
    assert process.returncode == 0
    assert b"Secret" not in shown


def read_until(terminal: int, end: bytes) -> bytes:
    shown = b""
    while end not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_user_that_exists_is_not_added_again(cove: Cove) -> None:
    assert failure(cove("user", "add", "admin", typed="Secret-1234\n")) == "cove: user admin already exists"


@pytest.mark.parametrize("command", ["disable", "enable", "delete", "password"])
def test_user_that_does_not_exist_is_named(cove: Cove, command: str) -> None:
    line = failure(cove("user", command, "nobody", typed="Secret-1234\n"))
    assert line == "cove: user nobody not found"


def test_project_is_added_listed_opened_closed_and_deleted(cove: Cove) -> None:
    assert cove("project", "add", "team").output == "Project team was added; it is private.\n"
    assert cove("project", "add", "show", "--public").output == "Project show was added; it is public.\n"
    listed = json.loads(cove("project", "list", "--json").output)
    assert {(project["name"], project["public"]) for project in listed} == {
        ("library", True),
        ("show", True),
        ("team", False),
    }
    assert json.loads(cove("project", "public", "team", "--json").output)["public"] is True
    assert cove("project", "private", "team").output == "Project team is private now.\n"
    assert cove("project", "delete", "team").output == "Project team was deleted.\n"
    assert "team" not in cove("project", "list").output


def test_project_name_outside_the_rule_is_refused(cove: Cove) -> None:
    assert "Upper" in failure(cove("project", "add", "Upper"))


def test_member_gets_a_role_another_role_and_none(cove: Cove) -> None:
    cove("user", "add", "ann", typed="Secret-1234\n")
    assert cove("member", "add", "library", "ann", "developer").output == (
        "User ann is developer of project library now.\n"
    )
    given = cove("member", "role", "library", "ann", "project-admin", "--json")
    expected = {"project": "library", "user": "ann", "kind": "user", "role": "projectAdmin"}
    assert json.loads(given.output) == expected
    assert json.loads(cove("member", "list", "library", "--json").output) == [expected]
    assert cove("member", "remove", "library", "ann").output == "User ann is no longer a member of project library.\n"
    assert cove("member", "list", "library").output == "There are none.\n"


def test_what_commands_change_is_on_record(cove: Cove, data: Path, tmp_path: Path) -> None:
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(f"moved:{bcrypt.hashpw(b'Secret-1234', bcrypt.gensalt(4)).decode()}\n")
    for line in (
        "user add ann",
        "user password ann",
        "user disable ann",
        "user enable ann",
        "token add ann ci",
        "token revoke ann ci",
        "project add team",
        "project public team",
        "project quota team 1GiB",
        "member add team ann guest",
        "member role team ann developer",
        "member remove team ann",
        "project delete team",
        "user delete ann",
        f"import users {htpasswd}",
        "keys rotate",
    ):
        assert cove(*line.split(), typed=f"Secret-{len(line)}\n").exit_code == 0, line
    with closing(sqlite3.connect(data / "cove.db")) as database:
        rows = database.execute(
            "SELECT user_name, operation, resource_type, resource, description FROM audit_records ORDER BY id"
        ).fetchall()
    *named, (_, *rotated, _, _) = rows
    assert {row[0] for row in rows} == {"cove:command-line"}
    assert [" ".join(row[1:4]) for row in named] == [
        "create user ann",
        "update user ann",
        "update user ann",
        "update user ann",
        "create access-token ci",
        "delete access-token ci",
        "create project team",
        "update project team",
        "update quota team",
        "create member ann",
        "update member ann",
        "delete member ann",
        "delete project team",
        "delete user ann",
        "create user moved",
    ]
    assert rotated == ["create", "signing-key"]
    assert [row[4] for row in rows if row[2] == "quota"] == ["update quota: team, 1073741824 bytes"]


def test_unknown_role_is_refused_with_the_names_of_all(cove: Cove) -> None:
    assert "use projectAdmin, developer" in failure(cove("member", "add", "library", "admin", "owner"))


def test_project_that_does_not_exist_is_named(cove: Cove) -> None:
    assert failure(cove("member", "list", "nowhere")) == "cove: project 'nowhere' does not exist"


def test_without_a_registry_one_line_says_how_to_make_one(cove: Cove, tmp_path: Path) -> None:
    line = failure(cove("user", "list", "--data", str(tmp_path / "nothing")))
    assert "cove serve" in line
    assert not (tmp_path / "nothing").exists()


def test_data_of_a_newer_version_is_left_alone(cove: Cove, data: Path) -> None:
    with closing(sqlite3.connect(data / "cove.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    assert "schema 9999" in failure(cove("user", "list"))


def test_wrong_setting_is_one_line(cove: Cove, tmp_path: Path) -> None:
    assert "cannot be read" in failure(cove("user", "list", "--config", str(tmp_path / "no.toml")))


def test_access_token_is_added_used_listed_and_revoked_beside_a_running_server(beside: Cove, server: Server) -> None:
    beside("user", "add", "tim", "--password-stdin", typed="Correct-horse1\n")
    secret = beside("token", "add", "tim", "ci", "--days", "-1").stdout.strip()
    assert server.sign_in("tim", secret) == 200
    [listed] = json.loads(beside("token", "list", "tim", "--json").stdout)
    assert (listed["name"], listed["scoped"], listed["expires_at"]) == ("ci", False, None)
    assert listed["used_at"] is not None
    beside("token", "revoke", "tim", "ci")
    assert server.sign_in("tim", secret) == 401


def test_access_token_that_there_is_not_is_named(cove: Cove) -> None:
    assert failure(cove("token", "revoke", "admin", "none")) == "cove: user 'admin' has no access token 'none'"
    assert "user nobody not found" in failure(cove("token", "add", "nobody", "ci"))
