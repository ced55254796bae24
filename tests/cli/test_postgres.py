"""`cove` with its records in PostgreSQL, and with its blobs elsewhere as well."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.running import COVE, Serve, environment
from tests.storage.postgres_server import PASSWORD, PostgresServer
from tests.storage.s3_server import BUCKET, S3Server

Cove = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.make_database("template0")


@pytest.fixture
def cove(url: str, tmp_path: Path) -> Cove:
    """Run a command on the records at `url`, or at another address."""

    def run(*arguments: str, typed: str = "", address: str = url) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COVE, *arguments],
            env=environment(database_url=address),
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_records_are_in_the_database_and_nowhere_else(serve: Serve, cove: Cove, url: str, tmp_path: Path) -> None:
    server = serve(database_url=url)
    assert not list(tmp_path.rglob("*.db*"))
    added = cove("user", "add", "ann", typed="Correct-horse1\n")
    assert (added.returncode, added.stdout) == (0, "User ann was added.\n")
    assert server.sign_in("ann", "Correct-horse1") == 200
    assert server.sign_in("admin", server.password) == 200
    assert server.stop() == 0
    again = serve(database_url=url)
    assert again.shown == [f"Cove is ready at {again.url}"]
    for text in (server.log.read_text(), *server.shown, *again.shown):
        assert "canary" not in text


def test_several_processes_serve_the_same_records(serve: Serve, url: str) -> None:
    server = serve("--workers", "2", database_url=url)
    for _ in range(8):
        assert server.sign_in("admin", server.password) == 200
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_with_blobs_in_s3_nothing_is_written_to_the_data_folder(
    serve: Serve, url: str, s3: S3Server, tmp_path: Path
) -> None:
    server = serve(database_url=url, storage_url=f"s3://{BUCKET}/cli", s3_endpoint=s3.endpoint)
    assert server.sign_in("admin", server.password) == 200
    assert server.shown[0] == "This is the first start."
    assert {path.name for path in tmp_path.iterdir()} == {"log"}


def test_before_the_first_start_commands_say_so_and_make_nothing(cove: Cove) -> None:
    for _ in range(2):
        listed = cove("user", "list")
        assert listed.returncode == 1
        assert listed.stderr == "cove: there is no registry in the database: start it once with `cove serve`\n"


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("user", "list")])
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [((PASSWORD, "wrong-canary"), "password authentication failed"), (("/test", "/none"), "does not exist")],
)
def test_database_that_cannot_be_used_is_one_line_without_a_password(
    cove: Cove, url: str, arguments: tuple[str, ...], wrong: tuple[str, str], reason: str
) -> None:
    failed = cove(*arguments, address=url.replace(*wrong))
    assert failed.returncode == 1
    assert failed.stdout == ""
    [line] = failed.stderr.splitlines()
    assert line.startswith("cove: the database is not available: ")
    assert reason in line
    assert "canary" not in line
