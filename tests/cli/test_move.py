"""`cove move`, as its users call it: beside a running server, killed, repeated, and finished."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from click.testing import CliRunner, Result

from registry.app import prepare
from registry.cli import main
from registry.config import Config
from registry.core.copiers import COPIERS
from storage.digest import Digest
from storage.locks import held
from tests.cli.running import COVE, Serve, Server, environment
from tests.http.serving import MANIFEST_TYPE, image_manifest
from tests.storage.postgres_server import PASSWORD as POSTGRES_PASSWORD
from tests.storage.postgres_server import PostgresServer
from tests.storage.s3_server import BUCKET, S3Server

Cove = Callable[..., Result]

Found = TypeVar("Found")

PASSWORD = "Correct-horse1"
LAYER = b"layer " * 1000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cove(data: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run `cove move` on data that was started once."""
    prepare(Config(data=data, admin_password=PASSWORD))
    monkeypatch.setenv("COVE_DATA", str(data))
    return lambda *arguments: CliRunner().invoke(main, ["move", *map(str, arguments)], prog_name="cove")


def move(data: Path, *arguments: str, **settings: str) -> str:
    """Run the command in a process of its own, with the same settings as a server; returns what it prints."""
    done = subprocess.run(
        [*COVE, "move", *arguments],
        env=environment(data=str(data), **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, auth=("admin", PASSWORD), timeout=30)


def push(server: Server, tag: str, layer: bytes) -> None:
    with client(server) as http:
        for content in (b"{}", layer):
            digest = {"digest": str(Digest.of(content))}
            assert http.post("/v2/library/app/blobs/uploads/", params=digest, content=content).status_code == 201
        manifest = image_manifest(Digest.of(b"{}"), 2, Digest.of(layer), len(layer))
        headers = {"Content-Type": MANIFEST_TYPE}
        assert http.put(f"/v2/library/app/manifests/{tag}", content=manifest, headers=headers).status_code == 201


def pulls(server: Server, tag: str) -> bytes:
    """The layer of an image, by its tag."""
    with client(server) as http:
        manifest = http.get(f"/v2/library/app/manifests/{tag}", headers={"Accept": MANIFEST_TYPE}).json()
        content = http.get(f"/v2/library/app/blobs/{manifest['layers'][0]['digest']}").content
    assert str(Digest.of(content)) == manifest["layers"][0]["digest"]
    return content


def token(server: Server) -> str:
    query = {"service": "cove", "scope": "repository:library/app:pull,push"}
    answer = httpx.get(f"{server.url}/service/token", params=query, auth=("admin", PASSWORD))
    given: str = answer.json()["token"]
    return given


def failure(result: Result) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


def wait_for(look: Callable[[], Found]) -> Found:
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def move_and_serve(serve: Serve, data: Path, arguments: list[str], old: dict[str, str], new: dict[str, str]) -> None:
    """Move with a server running until the last step; the server over the new places knows all of it, and tokens."""
    server = serve(data=str(data), admin_password=PASSWORD, **old)
    push(server, "1", LAYER)
    given = token(server)
    shown = move(data, *arguments, **old)
    assert shown.endswith("Now stop every server of this registry, and finish with the same command and --finish.\n")
    assert pulls(server, "1") == LAYER
    push(server, "2", b"pushed meanwhile")
    server.stop()
    lines = move(data, *arguments, "--finish", **old).splitlines()
    start = lines.index("It is safe to switch now. Start the registry with")
    shown_settings = dict(line.strip().split("=", 1) for line in lines[start + 1 : -1])
    assert shown_settings.keys() == {f"COVE_{name.upper()}" for name in new}
    moved = serve(data=str(data), **{**old, **new})
    assert pulls(moved, "1") == LAYER
    assert pulls(moved, "2") == b"pushed meanwhile"
    push(moved, "3", b"pushed after it")
    headers = {"Authorization": f"Bearer {given}"}
    assert httpx.get(f"{moved.url}/v2/library/app/tags/list", headers=headers).json()["tags"] == ["1", "2", "3"]
    moved.stop()


def test_storage_is_moved_to_another_folder(serve: Serve, data: Path, tmp_path: Path) -> None:
    url = (tmp_path / "new").as_uri()
    move_and_serve(serve, data, ["--to-storage", url], {}, {"storage_url": url})


def test_database_is_moved_to_another_file(serve: Serve, data: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    move_and_serve(serve, data, ["--to-database", url], {}, {"database_url": url})


@pytest.mark.slow
def test_both_are_moved_to_services_and_back(
    serve: Serve, data: Path, tmp_path: Path, s3: S3Server, postgres: PostgresServer
) -> None:
    storage, database = f"s3://{BUCKET}/move/{tmp_path.name}", postgres.make_database("template0")
    services = {"storage_url": storage, "database_url": database}
    common = {"s3_endpoint": s3.endpoint, "s3_part_bytes": "5242880"}
    arguments = ["--to-storage", storage, "--to-database", database]
    move_and_serve(serve, data, arguments, common, services)
    files = {"storage_url": (tmp_path / "back").as_uri(), "database_url": f"sqlite:///{tmp_path / 'back.db'}"}
    arguments = ["--to-storage", files["storage_url"], "--to-database", files["database_url"]]
    shown = move(data, *arguments, "--finish", **common, **services)
    assert "Blobs copied: 4," in shown
    back = serve(data=str(data), **files)
    assert pulls(back, "3") == b"pushed after it"


def test_password_of_a_database_is_shown_nowhere(cove: Cove, data: Path, postgres: PostgresServer) -> None:
    url = postgres.make_database("template0")
    result = cove("--to-database", url, "--finish")
    assert result.exit_code == 0, result.output
    assert f"  COVE_DATABASE_URL={url.replace(POSTGRES_PASSWORD, '***')}" in result.stdout.splitlines()
    written = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file() and path.suffix != ".db")
    for output in (result.output.encode(), written):
        assert POSTGRES_PASSWORD.encode() not in output


def test_last_step_is_refused_while_a_server_runs(serve: Serve, data: Path, tmp_path: Path) -> None:
    server = serve(data=str(data), admin_password=PASSWORD)
    push(server, "1", LAYER)
    arguments = ["--to-storage", (tmp_path / "new").as_uri(), "--finish", "--data", str(data)]
    assert "stop it first" in failure(CliRunner().invoke(main, ["move", *arguments]))
    assert pulls(server, "1") == LAYER


def test_server_does_not_start_during_the_last_step(cove: Cove, data: Path) -> None:
    with held(data / "serving.lock", alone=True):
        line = failure(CliRunner().invoke(main, ["serve", "--port", "0"]))
    assert line == f"cove: the registry in {data} is being moved: wait for the end of `cove move`"


def test_server_does_not_start_over_the_places_that_were_left(cove: Cove, data: Path, tmp_path: Path) -> None:
    assert cove("--to-storage", (tmp_path / "new").as_uri(), "--finish").exit_code == 0
    line = failure(CliRunner().invoke(main, ["serve", "--port", "0"]))
    assert "was moved from here by `cove move`: set COVE_STORAGE_URL" in line
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("COVE_STORAGE_URL", (tmp_path / "new").as_uri())
        prepare(Config(data=data, storage_url=(tmp_path / "new").as_uri()))


@pytest.fixture
def filled(serve: Serve, data: Path) -> int:
    """A registry that takes a while to copy; the number of its blobs."""
    server = serve(data=str(data), admin_password=PASSWORD)
    for number in range(30):
        push(server, str(number), number.to_bytes() * (4 << 20))
    server.stop()
    return 31


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_move_that_was_stopped_goes_on_and_copies_nothing_twice(
    filled: int, data: Path, tmp_path: Path, how: signal.Signals
) -> None:
    new = tmp_path / "new"
    command = [*COVE, "move", "--to-storage", new.as_uri(), "--data", str(data)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    [journal] = wait_for(lambda: list((data / "moves").glob("*")))
    wait_for(lambda: journal.read_text().count('"digest"') >= 3)
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert (process.returncode, errors) == (1, "cove: stopped; the same command goes on from here\n")
    copied = journal.read_text().count('"digest"')
    record = json.loads(move(data, "--to-storage", new.as_uri(), "--json"))
    assert (record["blobs"], record["blobs_before"]) == (filled - copied, copied)
    objects = [path for path in new.rglob("*") if path.is_file() and "notes" not in path.parts]
    if how == signal.SIGKILL:
        # What a copier was killed at just before a line of the journal is not known: an empty file, or a whole copy.
        objects = [path for path in objects if path.stat().st_size]
        assert len(objects) - filled <= COPIERS
    else:
        assert len(objects) == filled
    assert not any("uploads" in path.parts for path in objects)


def test_two_moves_at_once_are_one_too_many(cove: Cove, data: Path, tmp_path: Path) -> None:
    url = (tmp_path / "new").as_uri()
    assert cove("--to-storage", url).exit_code == 0
    [journal] = (data / "moves").iterdir()
    with held(journal, alone=True):
        assert failure(cove("--to-storage", url)) == "cove: another `cove move` to this storage is at work"


def test_damaged_blobs_are_listed_with_who_has_them(serve: Serve, data: Path, tmp_path: Path) -> None:
    server = serve(data=str(data), admin_password=PASSWORD)
    push(server, "1", LAYER)
    server.stop()
    digest = Digest.of(LAYER)
    [file] = data.glob(f"blobs/sha256/{digest.hex[:2]}/{digest.hex}-*")
    file.write_bytes(LAYER[:-1] + b"?")
    url = (tmp_path / "new").as_uri()
    lines = move(data, "--to-storage", url).splitlines()
    assert lines[:2] == [
        "Blobs copied: 1, 6.0 kB; copied before: 0.",
        "Damaged blobs, left out while the manifests that name them stay: 1.",
    ]
    assert lines[2] == f"  {digest} (library/app) has the digest {Digest.of(LAYER[:-1] + b'?')}"
    refused = CliRunner().invoke(main, ["move", "--to-storage", url, "--finish", "--data", str(data)])
    assert "leave them out with --leave-damaged" in failure(refused)
    move(data, "--to-storage", url, "--finish", "--leave-damaged")
    moved = serve(data=str(data), storage_url=url)
    with client(moved) as http:
        assert http.get("/v2/library/app/manifests/1", headers={"Accept": MANIFEST_TYPE}).status_code == 200
        assert http.get(f"/v2/library/app/blobs/{digest}").status_code == 404
    push(moved, "1", LAYER)
    assert pulls(moved, "1") == LAYER


def test_finish_prints_a_record_for_scripts(cove: Cove, tmp_path: Path) -> None:
    storage, database = (tmp_path / "new").as_uri(), f"sqlite:///{tmp_path / 'new.db'}"
    record = json.loads(cove("--to-storage", storage, "--to-database", database, "--finish", "--json").stdout)
    assert record == {
        "blobs": 0,
        "bytes": 0,
        "blobs_before": 0,
        "rows": 4,
        "damaged": [],
        "finished": True,
        "settings": {"COVE_STORAGE_URL": storage, "COVE_DATABASE_URL": database},
    }


def test_people_at_a_terminal_see_progress_and_it_goes_away(serve: Serve, data: Path, tmp_path: Path) -> None:
    push(serve(data=str(data), admin_password=PASSWORD), "1", LAYER)
    master, terminal = pty.openpty()
    command = [*COVE, "move", "--to-storage", (tmp_path / "new").as_uri(), "--data", str(data)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=terminal, check=True)
    os.close(terminal)
    with os.fdopen(master, "rb", buffering=0) as screen:
        seen = screen.read(65536)
    assert b" blobs, " in seen
    assert b" copied" in seen
    assert seen.endswith(b"\r\x1b[K")
    assert done.stdout.startswith(b"Blobs copied: 2, ")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "say where to move"),
        (["--finish"], "say where to move"),
        (["--to-storage", "ftp://host/"], "must be a file:// or an s3:// address"),
        (["--to-database", "mysql://host/x"], "must be a postgresql:// or a sqlite:// address"),
    ],
)
def test_command_that_leads_nowhere_is_refused(cove: Cove, arguments: list[str], what: str) -> None:
    result = cove(*arguments)
    assert result.exit_code == 2
    assert what in result.stderr


@pytest.mark.parametrize("spelling", ["{data}", "{data}/", "{data}/../data", "{link}"])
def test_places_where_it_is_already_are_refused_however_they_are_spelled(
    cove: Cove, data: Path, tmp_path: Path, spelling: str
) -> None:
    (tmp_path / "link").symlink_to(data)
    place = spelling.format(data=data, link=tmp_path / "link")
    assert failure(cove("--to-storage", f"file://{place}")) == "cove: the blobs are in that storage already"
    line = failure(cove("--to-database", f"sqlite:///{place.rstrip('/')}/cove.db"))
    assert line == "cove: the records are in that database already"


def test_database_of_another_registry_is_refused(cove: Cove, tmp_path: Path) -> None:
    other = tmp_path / "other"
    prepare(Config(data=other))
    for last_step in ([], ["--finish"]):
        line = failure(cove("--to-database", f"sqlite:///{other / 'cove.db'}", *last_step))
        assert line == "cove: the new database has records already: name an empty one"


def test_file_for_records_is_its_owners_alone(cove: Cove, tmp_path: Path) -> None:
    assert cove("--to-database", f"sqlite:///{tmp_path / 'new.db'}", "--finish").exit_code == 0
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(tmp_path / "new.db")) as raw:
        assert raw.execute("SELECT count(*) FROM users").fetchone() == (1,)


def test_folder_that_is_missing_for_the_new_database_is_an_error(cove: Cove, tmp_path: Path) -> None:
    assert "No such file or directory" in failure(cove("--to-database", f"sqlite:///{tmp_path / 'no' / 'new.db'}"))


def test_data_that_was_never_started_is_refused(tmp_path: Path) -> None:
    arguments = ["move", "--to-storage", "file:///x", "--data", str(tmp_path / "none")]
    assert "start it once" in failure(CliRunner().invoke(main, arguments))
