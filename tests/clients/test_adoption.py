"""A real registry:2 that real clients filled, in a folder or a bucket, adopted in place and served."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients import registries
from tests.clients.images import make_layout
from tests.clients.old_registries import OldFolder, OldStorage, delete, old_bucket, serve_old
from tests.clients.programs import Client, bare_environment, find_program
from tests.clients.registries import Registry, password_of
from tests.clients.test_skopeo import FROM, TO, push_index
from tests.storage.s3_server import ENVIRONMENT

pytestmark = pytest.mark.clients


@dataclass
class Move:
    """The old storage, and the server that takes it over."""

    storage: OldStorage
    work: Path
    server: Registry
    skopeo: Client
    crane: Client
    umoci: Client

    def push(self, old: str, *names: str) -> None:
        """Push one image of two layers under all these names."""
        layout = make_layout(self.umoci)
        for name in names:
            self.skopeo.run("copy", TO, f"oci:{layout}:1", f"docker://{old}/{name}")

    def adopt(self) -> dict[str, object]:
        settings = self.work / "cove.toml"
        settings.write_text("".join(f'{name} = "{value}"\n' for name, value in self.storage.settings.items()))
        output = self.server.cove("adopt", self.storage.place, "--json", "--config", str(settings))
        record: dict[str, object] = json.loads(output)
        return record

    def digest(self, registry: str, name: str) -> str:
        """The digest of the manifest's bytes as the registry sends them, computed by Skopeo."""
        remote = f"docker://{registry}/{name}"
        options = ("--format", "{{.Digest}}", "--tls-verify=false", *self.sign_in(registry))
        return self.skopeo.run("inspect", *options, remote)

    def pull(self, name: str, into: str) -> Path:
        """Copy an image, or all of an index, from the server; Skopeo verifies every digest."""
        folder = self.work / into
        address = self.server.address
        credentials = ("--src-creds", f"admin:{password_of('admin')}")
        self.skopeo.run("copy", "--all", FROM, *credentials, f"docker://{address}/{name}", f"dir:{folder}")
        return folder

    def sign_in(self, registry: str) -> tuple[str, ...]:
        return ("--creds", f"admin:{password_of('admin')}") if registry == self.server.address else ()

    def tags(self, repository: str) -> list[str]:
        remote = f"docker://{self.server.address}/{repository}"
        listed = self.skopeo.run("list-tags", "--tls-verify=false", *self.sign_in(self.server.address), remote)
        names: list[str] = json.loads(listed)["Tags"]
        return names


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OldStorage]:
    if request.param == "folder":
        yield OldFolder(tmp_path / "old")
        return
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with old_bucket(tmp_path / "old") as bucket:
        yield bucket


@pytest.fixture
def move(tmp_path: Path, storage: OldStorage, homes: Callable[[], Path], umoci: Client) -> Iterator[Move]:
    def client(name: str) -> Client:
        home = homes()
        return Client((find_program(name),), bare_environment(home), home)

    settings = {f"COVE_{name.upper()}": value for name, value in storage.settings.items()}
    with registries.serve(tmp_path, **settings) as server:
        yield Move(storage, tmp_path, server, client("skopeo"), client("crane"), umoci)


def test_everything_that_was_pushed_is_pulled_with_the_same_digests(move: Move) -> None:
    with serve_old(move.storage, move.work) as old:
        move.push(old, "team/app:1", "team/app:latest", "team/copy:1", "solo:1")
        push_index(move.skopeo, move.crane, move.umoci, f"{old}/team/deep/multi")
        names = [
            "team/app:1",
            "team/app:latest",
            "team/copy:1",
            "solo:1",
            "team/deep/multi:all",
            "team/deep/multi:amd64",
        ]
        digests = {name: move.digest(old, name) for name in names}
    report = move.adopt()
    assert report["problems"] == []
    assert (report["repositories"], report["manifests"], report["tags"]) == (4, 6, 7)
    for number, (name, digest) in enumerate(digests.items()):
        there = name if "/" in name else f"library/{name}"
        assert move.digest(move.server.address, there) == digest
        move.pull(there, f"pulled-{number}")
    assert move.tags("team/app") == ["1", "latest"]


def test_second_run_follows_the_old_registry_and_what_is_deleted_there_first_never_comes(move: Move) -> None:
    with serve_old(move.storage, move.work) as old:
        move.push(old, "team/app:1", "team/app:2")
        move.push(old, "team/app:gone")
        delete(old, "team/app", move.digest(old, "team/app:gone"))
        first = move.adopt()
        move.push(old, "team/app:1", "team/app:3")
        digests = {tag: move.digest(old, f"team/app:{tag}") for tag in ("1", "2", "3")}
    second = move.adopt()
    assert (first["tags"], second["tags"], second["tags_moved"], second["tags_before"]) == (2, 1, 1, 1)
    assert first["problems"] == second["problems"] == []
    assert {tag: move.digest(move.server.address, f"team/app:{tag}") for tag in move.tags("team/app")} == digests


def test_adopted_layers_are_not_pushed_again_and_old_files_stay_untouched(move: Move) -> None:
    with serve_old(move.storage, move.work) as old:
        layout = make_layout(move.umoci)
        move.skopeo.run("copy", TO, f"oci:{layout}:1", f"docker://{old}/team/app:1")
    before = move.storage.files()
    move.adopt()
    credentials = ("--dest-creds", f"admin:{password_of('admin')}")
    remote = f"docker://{move.server.address}/team/app:2"
    move.skopeo.run("copy", TO, *credentials, f"oci:{layout}:1", remote)
    assert move.tags("team/app") == ["1", "2"]
    assert move.storage.files() == before
    move.skopeo.run(
        "copy", TO, *credentials, f"oci:{make_layout(move.umoci)}:1", f"docker://{move.server.address}/team/app:3"
    )
    after = move.storage.files()
    assert before.items() <= after.items()
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {move.storage.new_folder}


def test_docker_images_are_adopted_as_what_they_are(
    move: Move, small_image: str, bare_docker: Callable[[], Client]
) -> None:
    docker = bare_docker()
    with serve_old(move.storage, move.work) as old:
        docker.run("tag", small_image, f"{old}/team/docker:1")
        docker.run("push", f"{old}/team/docker:1")
        digest = move.digest(old, "team/docker:1")
    assert move.adopt()["problems"] == []
    assert move.digest(move.server.address, "team/docker:1") == digest
    manifest = json.loads((move.pull("team/docker:1", "pulled") / "manifest.json").read_text())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
