"""`cove gc`, on data that a server has filled."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from auth.access import Access, Actor
from registry.app import prepare
from registry.cli import main
from registry.commands import gc
from registry.config import Config
from registry.core import cleaning, system_jobs
from registry.core.blobs import Blobs
from registry.core.clocks import DAY_MS
from registry.core.manifests import Manifests
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.oci.names import Reference, RepositoryName
from storage.clock import now_ms
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, clean_ups, leases, projects, repositories
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database
from storage.metadata.listings import Listing
from tests.core.images import IMAGE_TYPE, image

Cove = Callable[..., Result]
LAYERS = [b"config", b"layer" * 1000]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images of which one was deleted, and their layers."""
    folder = tmp_path / "data"
    prepare(Config(data=folder))
    with closing(Database.open(folder / "cove.db")) as database:
        store = DiskStore(folder)
        uploads = Uploads(database, store, Blobs(database, store, Access()), expiry_seconds=60)
        manifests = Manifests(database, sparse="none")
        with database.read() as tx:
            project = projects.find(tx, "library")
        assert project
        repository = Repository(project, RepositoryName.parse("library/app"))
        for content in (*LAYERS, b"kept"):
            with closing(uploads.open(Actor(), repository, uploads.start(Actor(), repository).id)) as upload:
                upload.append(content)
                upload.finish(Digest.of(content))
        manifests.push(Actor(), repository, Reference.parse("kept"), IMAGE_TYPE, image(b"kept"))
        manifests.push(Actor(), repository, Reference.parse("gone"), IMAGE_TYPE, image(*LAYERS))
        manifests.delete(Actor(), repository, Reference.parse(str(Digest.of(image(*LAYERS)))))
    return folder


@pytest.fixture
def cove(data: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)
    monkeypatch.setenv("COVE_DATA", str(data))
    return lambda *arguments: CliRunner().invoke(main, ["gc", *arguments], prog_name="cove")


def test_what_can_be_restored_stays_and_is_told(cove: Cove) -> None:
    freed, used, restorable, leased = cove().stdout.splitlines()
    assert freed == "Freed 0 bytes: 0 blobs, 0 manifests, 0 links, 0 uploads."
    assert used == "In use: 4 bytes."
    assert re.fullmatch(r"Deleted, and can be restored until [-0-9]+T[:0-9]+Z: 5\.0 kB\.", restorable)
    assert leased == "Not in any manifest, but asked for a short time ago: 0 bytes."
    kept = json.loads(cove("--dry-run", "--json").stdout)["kept"]
    assert kept["restorable_until"] in restorable


def test_layers_that_stay_since_other_repositories_have_them_are_told(cove: Cove, data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        library = projects.find(tx, "library")
        blob = blobs.find(tx, str(Digest.of(b"kept")))
        assert library
        assert blob
        blobs.link(tx, repositories.get_or_create(tx, library.id, "library/other", 1).id, blob.id, now_ms())
    assert "In use: 4 bytes, of which several repositories have 4 bytes." in cove("--dry-run").stdout.splitlines()


def test_freeing_now_frees_what_the_dry_run_told(cove: Cove, data: Path) -> None:
    told = json.loads(cove("--dry-run", "--free-now", "--json").stdout)["freed"]
    assert told == {"manifests": 1, "links": 2, "blobs": 2, "uploads": 0, "objects": 2, "freed_bytes": 5006}
    assert json.loads(cove("--free-now", "--json").stdout)["freed"] == told
    assert sum(path.is_file() for path in (data / "blobs").rglob("*")) == 1
    assert cove("--free-now").stdout.splitlines()[:3] == [
        "Freed 0 bytes: 0 blobs, 0 manifests, 0 links, 0 uploads.",
        "In use: 4 bytes.",
        "Deleted, and can be restored: 0 bytes.",
    ]


def test_history_lists_the_runs_that_did_something(cove: Cove) -> None:
    assert cove("--history").stdout == "There are none.\n"
    cove("--free-now")
    [run] = json.loads(cove("--history", "--json").stdout)
    assert (run["cause"], run["freed_bytes"], run["error"]) == ("command", 5006, "")


def test_clock_that_was_wrong_before_is_told_and_believed_when_asked_for(cove: Cove, data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        later = now_ms() + 365 * DAY_MS
        clean_ups.note(tx, clean_ups.begin(tx, "schedule", later), Freed(objects=1), finished_at=later)
    refused = cove("--free-now")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "behind the last clean-up by more than an hour" in refused.stderr
    assert cove("--free-now", "--trust-clock").stdout.startswith("Freed 5.0 kB")
    assert cove("--free-now").exit_code == 0


def test_command_waits_for_another_process_and_gives_up_in_the_end(
    cove: Cove, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gc, "PATIENCE_SECONDS", 1)
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        leases.take(tx, cleaning.CLEANING, "another", now=now_ms(), until=now_ms() + 600_000)
    waited = cove()
    assert (waited.exit_code, waited.stdout) == (1, "")
    assert "another process is cleaning up: try again when it is done" in waited.stderr


def test_command_goes_on_when_the_other_process_has_ended(cove: Cove, data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        leases.take(tx, cleaning.CLEANING, "another", now=now_ms(), until=now_ms() + 700)
    assert cove("--free-now").stdout.startswith("Freed 5.0 kB: 2 blobs, 1 manifest, 2 links, 0 uploads.")


def test_runs_of_the_command_are_among_those_of_the_api(cove: Cove, data: Path) -> None:
    assert cove("--free-now").exit_code == 0
    with closing(Database.open(data / "cove.db")) as database:
        [run], total = system_jobs.clean_ups(database).page(Listing())
    assert (total, run.trigger, run.status) == (1, "MANUAL", "Success")
    assert json.loads(run.attributes)["purged_blobs"] == len(LAYERS)
