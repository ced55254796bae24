"""`cove backup` and `cove restore`, as their users call them: beside a running server, killed, and run again."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copytree

import httpx
import pytest
from click.testing import CliRunner, Result

from registry.app import prepare
from registry.cli import main
from registry.config import Config
from registry.core.copiers import COPIERS
from registry.core.snapshots import Snapshots
from registry.places import open_database, open_storage
from storage.digest import Digest
from tests.cli.running import COVE, Serve, Server, environment, start
from tests.cli.test_move import LAYER, PASSWORD, client, failure, pulls, push, token, wait_for
from tests.http.serving import MANIFEST_TYPE
from tests.storage.postgres_server import PASSWORD as POSTGRES_PASSWORD
from tests.storage.postgres_server import PostgresServer
from tests.storage.s3_server import BUCKET, S3Server
from tests.torture.amounts import some

Settings = dict[str, str]


def cove(*arguments: object, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own, with the settings of a server."""
    return subprocess.run(
        [*COVE, *map(str, arguments)], env=environment(**settings), capture_output=True, text=True, check=False
    )


def succeed(*arguments: object, **settings: str) -> str:
    done = cove(*arguments, **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def begin(*arguments: object, **settings: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COVE, *map(str, arguments)], env=environment(**settings), stderr=subprocess.PIPE, text=True
    )


def run(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="cove")


@dataclass
class Machines:
    """A registry and another machine with nothing on it, each by its settings, and a folder for backups."""

    serve: Serve
    folder: Path
    old: Settings
    new: Settings

    def start(self, settings: Settings) -> Server:
        return self.serve(admin_password=PASSWORD, **settings)

    def copies(self) -> int:
        return sum(path.is_file() for path in (self.folder / "blobs").rglob("*"))

    def object(self, content: bytes) -> Path:
        """The file that the registry has of a blob."""
        digest = Digest.of(content)
        [file] = Path(self.old["data"]).glob(f"blobs/sha256/{digest.hex[:2]}/{digest.hex}-*")
        return file

    def lose_the_database(self) -> None:
        for file in Path(self.old["data"]).glob("cove.db*"):
            file.unlink()


@pytest.fixture
def machines(serve: Serve, tmp_path: Path) -> Machines:
    return Machines(serve, tmp_path / "backup", {"data": str(tmp_path / "old")}, {"data": str(tmp_path / "new")})


def test_registry_that_is_backed_up_while_it_serves_runs_elsewhere(machines: Machines) -> None:
    folder = machines.folder
    server = machines.start(machines.old)
    push(server, "1", LAYER)
    lines = succeed("backup", folder, **machines.old).splitlines()
    assert lines[0].startswith(f"The backup in {folder} has 2 blobs, 6.0 kB, and the records of 20")
    assert lines[1].startswith("Copied now: 2 blobs, 6.0 kB, and ")
    push(server, "2", b"pushed afterwards")
    bearer = {"Authorization": f"Bearer {token(server)}"}
    server.stop()
    lines = succeed("restore", folder, **machines.new).splitlines()
    assert ": 2 blobs and " in lines[0]
    assert lines[1:] == ["Start the registry with `cove serve` and", f"  COVE_DATA={machines.new['data']}"]
    restored = machines.start(machines.new)
    assert pulls(restored, "1") == LAYER
    assert httpx.get(f"{restored.url}/v2/library/app/tags/list", headers=bearer).json()["tags"] == ["1"]
    push(restored, "3", b"pushed here")
    assert pulls(restored, "3") == b"pushed here"


@pytest.fixture
def use_services(s3: S3Server, postgres: PostgresServer, tmp_path: Path) -> Callable[[Settings], None]:
    """Has settings name a bucket and PostgreSQL."""

    def change(settings: Settings) -> None:
        settings |= {
            "storage_url": f"s3://{BUCKET}/{tmp_path.name}/{Path(settings['data']).name}",
            "database_url": postgres.make_database("template0"),
            "s3_endpoint": s3.endpoint,
            "s3_part_bytes": "5242880",
        }

    return change


@pytest.mark.slow
@pytest.mark.parametrize("on_services", [("old", "new"), ("old",)][: some(1, 2)])
def test_backup_goes_from_any_place_to_any_other(
    machines: Machines, use_services: Callable[[Settings], None], on_services: tuple[str, ...]
) -> None:
    for name in on_services:
        use_services(getattr(machines, name))
    server = machines.start(machines.old)
    push(server, "1", LAYER)
    push(server, "big", b"x" * (6 << 20))
    succeed("backup", machines.folder, **machines.old)
    server.stop()
    shown = succeed("restore", machines.folder, **machines.new)
    assert POSTGRES_PASSWORD not in shown
    restored = machines.start(machines.new)
    assert pulls(restored, "1") == LAYER
    assert pulls(restored, "big") == b"x" * (6 << 20)


def test_backup_prints_a_record_for_scripts(machines: Machines) -> None:
    push(machines.start(machines.old), "1", LAYER)
    record = json.loads(succeed("backup", machines.folder, "--json", **machines.old))
    assert (record["blobs"], record["bytes"], record["blobs_before"], record["damaged"]) == (2, 6002, 0, [])
    assert record["backup"] == json.loads((machines.folder / "backup.json").read_text())
    assert record["backup"]["rows"]["tags"] == 1
    record = json.loads(succeed("backup", machines.folder, "--verify", "--json", **machines.old))
    assert (record["blobs"], record["blobs_before"]) == (0, 2)


def test_damaged_blobs_are_told_and_make_the_status_1(machines: Machines) -> None:
    server = machines.start(machines.old)
    push(server, "1", LAYER)
    push(server, "2", b"good")
    digest = Digest.of(LAYER)
    machines.object(LAYER).write_bytes(LAYER[:-1] + b"?")
    done = cove("backup", machines.folder, **machines.old)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"The backup in {machines.folder} has 2 blobs, 6 bytes,")
    assert lines[2] == "Damaged blobs, which the backup does not have: 1."
    assert lines[3].startswith(f"  {digest} (library/app) has the digest sha256:")
    done = cove("restore", machines.folder, **machines.new)
    assert done.returncode == 1
    assert f"  {digest} (library/app) cannot be read: nothing is kept at" in done.stdout
    restored = machines.start(machines.new)
    assert pulls(restored, "2") == b"good"
    with client(restored) as http:
        assert http.get(f"/v2/library/app/blobs/{digest}").status_code == 404
    push(restored, "1", LAYER)
    assert pulls(restored, "1") == LAYER


BIG = {str(number): number.to_bytes() * (2 << 20) for number in range(30)}


@pytest.fixture(scope="module")
def big_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a registry that takes a while to copy."""
    data = tmp_path_factory.mktemp("big") / "data"
    with ExitStack() as stack:
        server = start(stack, data.with_name("log"), (), {"data": str(data), "admin_password": PASSWORD})
        for tag, layer in BIG.items():
            push(server, tag, layer)
        server.stop()
    return data


@pytest.fixture
def filled(machines: Machines, big_data: Path) -> int:
    """Gives the old machine these data; the number of blobs."""
    copytree(big_data, machines.old["data"])
    return len(BIG) + 1


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_backup_that_was_stopped_goes_on(machines: Machines, filled: int, how: signal.Signals) -> None:
    process = begin("backup", machines.folder, **machines.old)
    wait_for(lambda: machines.copies() >= 3)
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == 1
        assert errors.startswith("cove: stopped; the backup before stays as it was")
    assert not (machines.folder / "backup.json").exists()
    assert "has no backup that was completed" in cove("restore", machines.folder, **machines.new).stderr
    copied = machines.copies()
    record = json.loads(succeed("backup", machines.folder, "--json", **machines.old))
    assert (record["blobs"], record["blobs_before"]) == (filled - copied, copied)
    assert list((machines.folder / "parts").iterdir()) == []
    assert list((Path(machines.old["data"]) / "work").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_restoration_that_was_stopped_goes_on(machines: Machines, filled: int, how: signal.Signals) -> None:
    succeed("backup", machines.folder, **machines.old)
    process = begin("restore", machines.folder, **machines.new)
    data = Path(machines.new["data"])
    journal = data / "restore.jsonl"
    wait_for(lambda: journal.exists() and journal.read_text().count('"digest"') >= 3)
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert (process.returncode, errors) == (1, "cove: stopped; the same command goes on from here\n")
    copied = journal.read_text().count('"digest"')
    record = json.loads(succeed("restore", machines.folder, "--json", **machines.new))
    assert (record["blobs"], record["blobs_before"]) == (filled - copied, copied)
    # What a copier was killed at just before a line of the journal is not known: a whole copy that is swept later.
    objects = sum(path.is_file() and path.stat().st_size > 0 for path in (data / "blobs").rglob("*"))
    assert 0 <= objects - filled <= (COPIERS if how == signal.SIGKILL else 0)
    restored = machines.start(machines.new)
    for tag, layer in BIG.items():
        assert pulls(restored, tag) == layer


@contextmanager
def churn(server: Server, tags: list[str]) -> Iterator[None]:
    """Clients that push, and delete what they pushed and these tags, for as long as the block lasts."""
    is_over = threading.Event()

    def work(first: int) -> None:
        number = first
        while not is_over.is_set():
            try_to_push(server, f"new{number}", b"new %d" % number)
            for tag in (f"new{number}", tags[number % len(tags)]):
                delete(server, tag)
            number += 2

    threads = [threading.Thread(target=work, args=(first,)) for first in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def try_to_push(server: Server, tag: str, layer: bytes) -> None:
    """A layer that is in no image yet may be cleaned up at once, where there is no time of grace."""
    with suppress(AssertionError):
        push(server, tag, layer)


def delete(server: Server, tag: str) -> None:
    with client(server) as http:
        found = http.head(f"/v2/library/app/manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
        if found.status_code == 200:
            http.delete(f"/v2/library/app/manifests/{found.headers['docker-content-digest']}")


@pytest.mark.slow
def test_every_image_that_was_there_when_the_backup_began_is_in_it_whatever_goes_on(
    machines: Machines, filled: int
) -> None:
    """What clients delete meanwhile is cleaned up at once."""
    hasty = {"gc_seconds": "1", "gc_grace_seconds": "0", "keep_deleted_seconds": "0"}
    server = machines.start(machines.old | hasty)
    process = begin("backup", machines.folder, **machines.old)
    wait_for(machines.copies)  # so the records have been read
    with churn(server, list(BIG)):
        _, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (0, "")
        second = machines.folder.with_name("second")
        succeed("backup", second, **machines.old)
    server.stop()
    succeed("restore", machines.folder, **machines.new)
    restored = machines.start(machines.new)
    for tag, layer in BIG.items():
        assert pulls(restored, tag) == layer
    restored.stop()
    other = {"data": f"{machines.new['data']}2"}
    succeed("restore", second, **other)
    for settings in (machines.new, other):
        assert json.loads(succeed("fsck", "--read", "--json", **settings))["problems"] == 0


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--from-store"], ["x", "--list"], ["x", "--snapshot", "y"], ["--snapshot", "y"]]
)
def test_command_that_does_not_say_what_to_restore_is_refused(arguments: list[str], tmp_path: Path) -> None:
    result = run("restore", *arguments, "--data", tmp_path / "new")
    assert result.exit_code == 2
    assert "say what to restore" in result.stderr
    assert not (tmp_path / "new").exists()


def test_registry_that_was_never_started_is_not_backed_up(tmp_path: Path) -> None:
    assert "start it once" in failure(run("backup", tmp_path / "backup", "--data", tmp_path / "none"))
    assert not (tmp_path / "backup").exists()


def test_registry_that_was_moved_away_is_not_backed_up(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare(Config(data=data))
    assert run("move", "--to-storage", (tmp_path / "new").as_uri(), "--finish", "--data", data).exit_code == 0
    assert "was moved from here" in failure(run("backup", tmp_path / "backup", "--data", data))


def test_backup_is_not_restored_beside_a_server(machines: Machines) -> None:
    push(machines.start(machines.old), "1", LAYER)
    succeed("backup", machines.folder, **machines.old)
    line = failure(run("restore", machines.folder, "--data", machines.old["data"]))
    assert line == f"cove: a server runs over {machines.old['data']}: stop it first"


def test_registry_is_not_restored_into_another(tmp_path: Path) -> None:
    for name in ("old", "new"):
        prepare(Config(data=tmp_path / name))
    assert run("backup", tmp_path / "backup", "--data", tmp_path / "old").exit_code == 0
    line = failure(run("restore", tmp_path / "backup", "--data", tmp_path / "new"))
    assert line == "cove: the database has records already: only an empty one is restored into"


def take_snapshot(data: Path) -> str:
    """What a server does each hour; gives the name that people use."""
    config = Config(data=data)
    with closing(open_database(config)) as database:
        name = Snapshots(database, open_storage(config), data, seconds=0, count=5).take()
    assert name
    return name.removeprefix("snapshots/")


def test_lost_database_is_restored_from_the_storage(machines: Machines) -> None:
    data = Path(machines.old["data"])
    server = machines.start(machines.old)
    push(server, "1", LAYER)
    name = take_snapshot(data)
    push(server, "2", b"pushed after it")
    server.stop()
    machines.lose_the_database()
    assert "`cove restore --from-store` brings them back" in failure(run("serve", "--port", "0", "--data", data))
    assert run("restore", "--from-store", "--list", "--data", data).stdout.splitlines()[1].startswith(name)
    done = run("restore", "--from-store", "--data", data)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith(f" records from snapshots/{name}.")
    assert lines[1] == "Blobs that are in the storage as they should be: 2."
    assert lines[2].startswith("Objects in the storage that no record names, for they came later: 1, 15 bytes, the")
    restored = machines.start(machines.old)
    assert pulls(restored, "1") == LAYER
    assert restored.sign_in("admin", PASSWORD) == 200
    push(restored, "2", b"pushed after it")
    assert pulls(restored, "2") == b"pushed after it"


def test_blobs_that_are_lost_since_the_snapshot_are_told_with_their_images(machines: Machines) -> None:
    data = Path(machines.old["data"])
    server = machines.start(machines.old)
    push(server, "1", LAYER)
    name = take_snapshot(data)
    server.stop()
    machines.lose_the_database()
    machines.object(LAYER).unlink()
    done = run("restore", "--from-store", "--snapshot", name, "--data", data)
    assert done.exit_code == 1
    assert "count as damaged until they are pushed again: 1." in done.stdout
    assert f"  {Digest.of(LAYER)} (library/app:1) is missing" in done.stdout
    restored = machines.start(machines.old)
    push(restored, "1", LAYER)
    assert pulls(restored, "1") == LAYER


def test_server_makes_snapshots_by_itself(machines: Machines) -> None:
    server = machines.start(machines.old | {"snapshot_seconds": "1", "snapshot_count": "1"})
    data = Path(machines.old["data"])

    def snapshots() -> list[Path]:
        return list((data / "notes" / "snapshots").glob("*.gz"))

    def are_others(seen: list[Path]) -> bool:
        return snapshots() not in ([], seen)

    push(server, "1", LAYER)
    for tag in ("2", "3"):  # the first one may have been begun before
        seen = snapshots()
        push(server, tag, LAYER)
        wait_for(partial(are_others, seen))
    server.stop()
    assert len(snapshots()) == 1
    machines.lose_the_database()
    assert run("restore", "--from-store", "--data", data).exit_code == 0
    assert pulls(machines.start(machines.old), "1") == LAYER


def test_storage_without_snapshots_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "there is no snapshot" in failure(run("restore", "--from-store", "--data", data))
    assert run("restore", "--from-store", "--list", "--data", data).stdout == "There are none.\n"
