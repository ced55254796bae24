"""`cove fsck`, and what a start over the wrong storage says."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from auth.access import Access, Actor
from registry.app import prepare
from registry.cli import main
from registry.commands import fsck
from registry.config import Config
from registry.core.blobs import Blobs
from registry.core.identity import NotOurStorage
from registry.core.manifests import Manifests
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.oci.names import Reference, RepositoryName
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import projects
from storage.metadata.database import Database
from tests.cli.running import Serve
from tests.core.images import IMAGE_TYPE, image

Cove = Callable[..., Result]
LAYER = b"layer" * 1000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An image of one layer."""
    folder = tmp_path / "data"
    prepare(Config(data=folder))
    with closing(Database.open(folder / "cove.db")) as database:
        store = DiskStore(folder)
        uploads = Uploads(database, store, Blobs(database, store, Access()), expiry_seconds=60)
        with database.read() as tx:
            project = projects.find(tx, "library")
        assert project
        repository = Repository(project, RepositoryName.parse("library/app"))
        for content in (b"config", LAYER):
            with closing(uploads.open(Actor(), repository, uploads.start(Actor(), repository).id)) as upload:
                upload.append(content)
                upload.finish(Digest.of(content))
        manifest = image(b"config", LAYER)
        Manifests(database, sparse="none").push(Actor(), repository, Reference.parse("v1"), IMAGE_TYPE, manifest)
    return folder


@pytest.fixture
def layer(data: Path) -> Path:
    [file] = (data / "blobs").rglob(f"{Digest.of(LAYER).hex}-*")
    return file


@pytest.fixture
def cove(data: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    monkeypatch.setenv("COVE_DATA", str(data))
    return lambda *arguments: CliRunner().invoke(main, ["fsck", *arguments], prog_name="cove")


def test_registry_that_is_all_right_is_told_in_two_lines_and_status_0(cove: Cove) -> None:
    done = cove("--read")
    assert done.stdout.splitlines() == [
        "Checked 1 manifest, 1 tag, 2 blobs; 5.0 kB read.",
        "Everything is as it should be.",
    ]
    assert (done.exit_code, done.stderr) == (0, "")


def test_damaged_blob_is_told_with_what_needs_it_and_status_1(cove: Cove, layer: Path) -> None:
    layer.write_bytes(b"short")
    for arguments in ([], ["--repair"], ["--read"]):
        done = cove(*arguments)
        assert done.stdout.splitlines() == [
            f"Checked 1 manifest, 1 tag, 2 blobs{'; 6 bytes read' if '--read' in arguments else ''}.",
            "Blobs:",
            f"  {Digest.of(LAYER)} has 5 bytes instead of 5000: push it again to mend it. Needed by library/app:v1.",
            "Problems: 1; mended: 0.",
        ]
        assert done.exit_code == 1


def test_blob_that_no_tag_needs_is_told_with_its_repositories(cove: Cove, data: Path, layer: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        tx.exec_driver_sql("DELETE FROM tags")
        tx.exec_driver_sql("UPDATE manifests SET untagged_at = 1")
    layer.unlink()
    assert f"  {Digest.of(LAYER)} is missing: push it again to mend it. In library/app, where no tag needs it." in (
        cove().stdout.splitlines()
    )


def test_what_is_mended_leaves_no_problem_and_status_0(cove: Cove, data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE projects SET used_bytes = 1")
    assert cove().exit_code == 1
    done = cove("--repair")
    assert done.stdout.splitlines()[1:] == [
        "Projects:",
        "  library has 5.4 kB in use, and 1 bytes on record. Mended.",
        "Problems: 0; mended: 1.",
    ]
    assert done.exit_code == 0
    assert cove().stdout.splitlines()[1:] == ["Everything is as it should be."]


def test_record_for_scripts_has_every_finding(cove: Cove, layer: Path) -> None:
    layer.unlink()
    done = cove("--json")
    assert json.loads(done.stdout) == {
        "manifests": 1,
        "tags": 1,
        "blobs": 2,
        "bytes_read": 0,
        "findings": [
            {
                "kind": "blob",
                "subject": str(Digest.of(LAYER)),
                "what": "is missing: push it again to mend it",
                "repositories": ["library/app"],
                "tags": ["library/app:v1"],
                "mended": False,
            }
        ],
        "problems": 1,
    }
    assert done.exit_code == 1


def test_people_see_some_findings_of_a_kind_and_scripts_all(
    cove: Cove, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsck, "_LISTED", 1)
    shutil.rmtree(data / "blobs")
    lines = cove().stdout.splitlines()
    assert len(lines) == 5
    assert lines[3] == "  ... and 1 more: --json tells of them all."
    assert len(json.loads(cove("--json").stdout)["findings"]) == 2


@pytest.mark.parametrize("rate", ["0", "fast", "-1", ""])
def test_rate_that_is_none_is_refused(cove: Cove, rate: str) -> None:
    done = cove("--read", "--rate", rate)
    assert done.exit_code == 2
    assert "must be a number of bytes" in done.stderr


def test_rate_slows_reading_down(cove: Cove, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("registry.core.pacing.Pace.__init__.__defaults__", (waits.append, lambda: 0.0))
    assert cove("--read", "--rate", "1000").exit_code == 0
    assert max(waits) == pytest.approx(5.006)


def test_accepting_a_storage_is_a_repair(cove: Cove) -> None:
    done = cove("--accept-storage")
    assert done.exit_code == 2
    assert "--accept-storage goes with --repair" in done.stderr


# Over the wrong storage


def test_server_does_not_start_over_a_folder_that_is_not_mounted(data: Path, cove: Cove) -> None:
    for name in ("blobs", "notes"):
        (data / name).rename(data / f"mounted-{name}")
    start = CliRunner().invoke(main, ["serve", "--port", "0"], prog_name="cove")
    assert start.exit_code == 1
    assert start.stderr == (
        f"cove: {data.as_uri()} does not look like the storage of this registry: its note registry-id is missing,"
        " though there should be blobs. Is it mounted, and the right one? If so, let `cove fsck --repair` accept it\n"
    )
    repair = cove("--repair")
    assert (repair.exit_code, repair.stdout) == (1, "")
    assert "add --accept-storage if it is lost" in repair.stderr
    for name in ("blobs", "notes"):
        (data / f"mounted-{name}").rename(data / name)
    assert cove("--read").exit_code == 0


def test_server_starts_again_once_its_storage_was_accepted(serve: Serve, data: Path, cove: Cove) -> None:
    shutil.rmtree(data / "notes")
    assert cove("--repair").exit_code == 0
    server = serve(data=str(data))
    assert server.stop() == 0


def test_two_registries_do_not_share_a_storage(data: Path, tmp_path: Path) -> None:
    other = Config(data=tmp_path / "other", storage_url=data.as_uri())
    with pytest.raises(NotOurStorage, match="is the storage of another registry"):
        prepare(other)
    assert prepare(Config(data=data)) is None


def test_start_that_is_refused_shows_no_password_and_the_next_one_does(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with pytest.raises(NotOurStorage):
        prepare(Config(data=other, storage_url=data.as_uri()))
    first = prepare(Config(data=other))
    assert first is not None
    assert first.admin_password
