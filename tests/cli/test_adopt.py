"""`cove adopt` and `cove import`, as their users call them."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

from registry.app import prepare
from registry.cli import main
from registry.config import Config
from storage.digest import Digest
from storage.legacy import blob_location
from tests.cli.running import COVE, Serve, environment
from tests.core.legacy_trees import Tree
from tests.storage.s3_server import BUCKET, S3Server

Cove = Callable[..., Result]

SALT = b"$2b$04$" + b"O" * 22  # one that stays: the hashes name tests
HASH = bcrypt.hashpw(b"secret", SALT).decode()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    prepare(Config(data=folder))
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "old registry")
    tree.push("team/app", "1", b"layer")
    return tree


@pytest.fixture
def cove(data: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run a command on `data`, with blobs in the folder of the old storage."""
    monkeypatch.setenv("COVE_DATA", str(data))
    monkeypatch.setenv("COVE_STORAGE_URL", tree.root.as_uri())
    return lambda *arguments: CliRunner().invoke(main, [*map(str, arguments)], prog_name="cove")


def failure(result: Result) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


def test_adopting_tells_what_came_and_that_only_one_registry_may_write(cove: Cove, tree: Tree) -> None:
    tree.push("solo", "1", b"x" * 1_500_000)
    result = cove("adopt", tree.root)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        f"Adopted from {tree.root}:",
        "  1 new projects, 2 new repositories",
        "  2 manifests; 0 were here before",
        "  2 tags, 0 moved; 0 were here before",
        "  3 blobs of 1.5 MB, where they are",
        "Everybody may pull from library: `cove project private library` changes that.",
        "From now on only one of the two registries may write: keep the old one stopped, or read-only.",
    ]


def test_adopting_prints_a_record_for_scripts(cove: Cove, tree: Tree) -> None:
    tree.file(Digest.of(b"layer")).unlink()
    record = json.loads(cove("adopt", tree.root / "docker" / "registry", "--json").stdout)
    [problem] = record.pop("problems")
    assert problem["path"].startswith("docker/registry/v2/repositories/team/app/_manifests/revisions/sha256/")
    assert problem["what"] == f"was adopted but lacks blob {Digest.of(b'layer')} of 5 bytes"
    assert record == {
        "root": str(tree.root),
        "projects": 1,
        "repositories": 1,
        "manifests": 1,
        "manifests_before": 0,
        "tags": 1,
        "tags_moved": 0,
        "tags_before": 0,
        "tags_kept": 0,
        "blobs": 1,
        "bytes": 2,
        "bytes_read": 0,
        "public_projects": [],
    }


def test_problems_are_listed_and_cannot_steer_the_terminal(cove: Cove, tree: Tree) -> None:
    tree.push("bad\x1b[2J\udcff", "1")
    lines = cove("adopt", tree.root).stdout.splitlines()
    place = lines.index("Problems: 1.")
    assert lines[place + 1].startswith(r"  docker/registry/v2/repositories/bad\x1b[2J\udcff was left out: ")


def test_verifying_reads_every_blob(cove: Cove, tree: Tree) -> None:
    tree.file(Digest.of(b"layer")).write_bytes(b"LAYER")
    record = json.loads(cove("adopt", tree.root, "--verify", "--json").stdout)
    assert record["bytes_read"] == 7
    assert record["problems"][0]["path"] == blob_location(Digest.of(b"layer"))


def test_tags_that_are_newer_here_are_counted_only_when_there_are_some(cove: Cove, tree: Tree) -> None:
    first = tree.push("team/app", "1", b"layer")
    cove("adopt", tree.root)
    tree.push("team/app", "2", b"another")
    os.utime(tree.tag("team/app", "1", tree.push("team/app", "2", b"another")), ns=(0, 0))
    assert "stay as they are: 1." in cove("adopt", tree.root).stdout
    os.utime(tree.tag("team/app", "1", first), ns=(0, 0))
    assert "stay as they are" not in cove("adopt", tree.root).stdout


def test_blobs_elsewhere_are_refused_with_the_setting_to_use(
    cove: Cove, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVE_STORAGE_URL")
    line = failure(cove("adopt", tree.root))
    assert f"set COVE_STORAGE_URL={tree.root.as_uri()} for this and for `cove serve`" in line


def test_registry_that_has_blobs_elsewhere_is_not_told_to_leave_them(
    cove: Cove, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    cove("adopt", tree.root)
    monkeypatch.delenv("COVE_STORAGE_URL")
    assert "has 2 already" in failure(cove("adopt", tree.root))


def test_storage_in_the_data_folder_needs_no_setting(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(Config(data=tree.root))
    result = CliRunner().invoke(main, ["adopt", str(tree.root), "--data", str(tree.root)])
    assert result.exit_code == 0


def test_storage_behind_a_symbolic_link_is_the_same_storage(cove: Cove, tree: Tree, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tree.root)
    assert cove("adopt", link).exit_code == 0


def test_folder_that_is_no_storage_is_refused(cove: Cove, tmp_path: Path) -> None:
    assert "is not the storage of a registry" in failure(cove("adopt", tmp_path))


@pytest.fixture
def place(tree: Tree, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the same storage in S3."""
    monkeypatch.setenv("COVE_S3_ENDPOINT", s3.endpoint)
    prefix = f"cli/{tree.root.parent.name}/old"
    for file in tree.root.rglob("*"):
        if file.is_file():
            s3.put(f"{prefix}/{file.relative_to(tree.root)}", file.read_bytes())
    return f"s3://{BUCKET}/{prefix}"


def test_bucket_is_adopted_as_a_folder_is(cove: Cove, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVE_STORAGE_URL", f"{place}/")
    record = json.loads(cove("adopt", f"{place}/docker/registry/v2", "--json").stdout)
    assert (record["root"], record["tags"], record["problems"]) == (place, 1, [])


def test_bucket_elsewhere_is_refused_with_the_setting_to_use(cove: Cove, place: str) -> None:
    line = failure(cove("adopt", place))
    assert f"set COVE_STORAGE_URL={place} for this and for `cove serve`" in line


def test_bucket_that_is_no_storage_is_refused(cove: Cove, place: str) -> None:
    assert f"{place}/other is not the storage of a registry" in failure(cove("adopt", f"{place}/other"))


def test_address_of_s3_that_is_none_is_refused_without_its_secrets(cove: Cove) -> None:
    line = failure(cove("adopt", "s3://key:secret@bucket/prefix"))
    assert line == "cove: an S3 address is s3://bucket/prefix: credentials are no part of it"


def test_data_that_was_never_started_is_refused(cove: Cove, tree: Tree, tmp_path: Path) -> None:
    assert "start it once" in failure(cove("adopt", tree.root, "--data", tmp_path / "none"))


def test_people_at_a_terminal_see_progress_and_it_goes_away(data: Path, tree: Tree) -> None:
    master, terminal = pty.openpty()
    done = subprocess.run(
        [*COVE, "adopt", str(tree.root), "--data", str(data)],
        env=environment(storage_url=tree.root.as_uri()),
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=True,
    )
    os.close(terminal)
    with os.fdopen(master, "rb", buffering=0) as screen:
        seen = screen.read(4096)
    assert b"1 manifests, 0 tags" in seen
    assert seen.endswith(b"\r\x1b[K")
    assert done.stdout.startswith(b"Adopted from ")


def test_imported_people_sign_in_at_once(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    file = tmp_path / "htpasswd"
    file.write_text(f"ann:{HASH}\nadmin:{HASH}\nbob:$apr1$canary\n")
    result = CliRunner().invoke(main, ["import", "users", str(file), "--data", str(tmp_path / "cove-data")])
    assert result.stdout.splitlines() == [
        "1 account was added.",
        "User admin exists already and stays as it was.",
        "Line 3 was left out: the hash is not bcrypt's: make it with `htpasswd -B`.",
    ]
    for _ in range(2):
        assert server.sign_in("ann", "secret") == 200
    assert server.sign_in("ann", "secrets") == 401
    assert server.sign_in("admin", "secret") == 401


def test_importing_prints_a_record_for_scripts(cove: Cove, tmp_path: Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(f"ann:{HASH}\nbob:{HASH}\nnobody\n")
    assert json.loads(cove("import", "users", file, "--json").stdout) == {
        "added": ["ann", "bob"],
        "existing": [],
        "problems": [{"line": 3, "what": "the line is not name:hash"}],
    }


def test_file_of_accounts_that_is_missing_is_refused(cove: Cove, tmp_path: Path) -> None:
    result = cove("import", "users", tmp_path / "none")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
