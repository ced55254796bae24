"""Skopeo, and the image layouts that umoci makes."""

import json
from pathlib import Path

import pytest

from tests.clients.images import make_layout
from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry, password_of

pytestmark = pytest.mark.clients

TO = "--dest-tls-verify=false"
FROM = "--src-tls-verify=false"
BOTH = (FROM, TO)


def blobs_of(folder: Path) -> set[str]:
    """The digests of every blob and manifest in an image layout."""
    return {file.name for file in (folder / "blobs" / "sha256").iterdir()}


def push_index(skopeo: Client, crane: Client, umoci: Client, repository: str) -> None:
    """Push images for two architectures and an index of them, tagged `all`."""
    for architecture in ("amd64", "arm64"):
        layout = make_layout(umoci, architecture=architecture)
        skopeo.run("copy", TO, f"oci:{layout}:1", f"docker://{repository}:{architecture}")
    crane.run(
        "index",
        "append",
        "--manifest",
        f"{repository}:amd64",
        "--manifest",
        f"{repository}:arm64",
        "--tag",
        f"{repository}:all",
    )


def test_layout_comes_back_as_it_was_pushed(
    skopeo: SignIn, registry: Registry, layout: Path, name: str, tmp_path: Path
) -> None:
    alice, remote = skopeo("alice"), f"docker://{registry.address}/team/{name}:1"
    alice.run("copy", TO, f"oci:{layout}:1", remote)
    alice.run("copy", FROM, remote, f"oci:{tmp_path / 'back'}:1")
    assert blobs_of(tmp_path / "back") <= blobs_of(layout)
    assert len(blobs_of(tmp_path / "back")) == 4


def test_layout_is_copied_on_to_a_folder(
    skopeo: SignIn, registry: Registry, layout: Path, name: str, tmp_path: Path
) -> None:
    alice, remote = skopeo("alice"), f"docker://{registry.address}/team/{name}:1"
    alice.run("copy", TO, f"oci:{layout}:1", remote)
    alice.run("copy", FROM, remote, f"dir:{tmp_path / 'back'}")
    manifest = json.loads((tmp_path / "back" / "manifest.json").read_text())
    for layer in manifest["layers"]:
        assert (tmp_path / "back" / layer["digest"].removeprefix("sha256:")).stat().st_size == layer["size"]


def test_layers_compressed_on_the_way_are_taken(
    skopeo: SignIn, registry: Registry, layout: Path, name: str, tmp_path: Path
) -> None:
    alice, remote = skopeo("alice"), f"docker://{registry.address}/team/{name}:1"
    alice.run("copy", "--dest-decompress", f"oci:{layout}:1", f"dir:{tmp_path / 'plain'}")
    alice.run("copy", TO, "--dest-compress-format", "zstd", f"dir:{tmp_path / 'plain'}", remote)
    layers = json.loads(alice.run("inspect", "--raw", "--tls-verify=false", remote))["layers"]
    assert [layer["mediaType"].endswith("zstd") for layer in layers] == [True, True]


def test_index_is_copied_with_all_its_images(
    skopeo: SignIn, crane: SignIn, umoci: Client, registry: Registry, name: str
) -> None:
    alice, gus, repository = skopeo("alice"), crane("gus"), f"{registry.address}/team/{name}"
    push_index(alice, crane("alice"), umoci, repository)
    alice.run("copy", "--all", *BOTH, f"docker://{repository}:all", f"docker://{repository}-copy:all")
    copied = json.loads(gus.run("manifest", f"{repository}-copy:all"))["manifests"]
    originals = {gus.run("digest", f"{repository}:{architecture}") for architecture in ("amd64", "arm64")}
    assert {child["digest"] for child in copied} == originals
    gus.run("validate", "--remote", f"{repository}-copy:all")


def test_sync_brings_every_tag_of_a_repository(
    skopeo: SignIn, registry: Registry, layout: Path, name: str, tmp_path: Path
) -> None:
    alice, repository = skopeo("alice"), f"{registry.address}/team/{name}"
    for tag in ("1", "2"):
        alice.run("copy", TO, f"oci:{layout}:1", f"docker://{repository}:{tag}")
    alice.run("sync", "--all", FROM, "--src", "docker", "--dest", "dir", repository, tmp_path / "synced")
    assert {folder.name for folder in (tmp_path / "synced").iterdir()} == {f"{name}:1", f"{name}:2"}


def test_tags_are_listed(skopeo: SignIn, registry: Registry, layout: Path, name: str) -> None:
    alice, repository = skopeo("alice"), f"docker://{registry.address}/team/{name}"
    for tag in ("b", "a"):
        alice.run("copy", TO, f"oci:{layout}:1", f"{repository}:{tag}")
    assert json.loads(alice.run("list-tags", "--tls-verify=false", repository))["Tags"] == ["a", "b"]


def test_image_is_inspected_by_a_guest(skopeo: SignIn, registry: Registry, layout: Path, name: str) -> None:
    remote = f"docker://{registry.address}/team/{name}:1"
    skopeo("alice").run("copy", TO, f"oci:{layout}:1", remote)
    seen = json.loads(skopeo("gus").run("inspect", "--tls-verify=false", remote))
    assert seen["Architecture"] == "amd64"
    assert len(seen["Layers"]) == 2


def test_maintainer_deletes_an_image_and_it_is_gone(
    skopeo: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    remote = f"docker://{registry.address}/conf/{name}:1"
    pat = skopeo("pat")
    pat.run("copy", TO, f"oci:{layout}:1", remote)
    pat.run("delete", "--tls-verify=false", remote)
    assert "manifest unknown" in pat.fail("inspect", "--tls-verify=false", remote)


def test_guest_may_not_push_and_is_told_why(skopeo: SignIn, registry: Registry, layout: Path, name: str) -> None:
    said = skopeo("gus").fail("copy", TO, f"oci:{layout}:1", f"docker://{registry.address}/team/{name}:1")
    assert "denied" in said
    assert "gus" in said


def test_guest_may_not_delete(skopeo: SignIn, registry: Registry, layout: Path, name: str) -> None:
    remote = f"docker://{registry.address}/team/{name}:1"
    skopeo("alice").run("copy", TO, f"oci:{layout}:1", remote)
    skopeo("gus").fail("delete", "--tls-verify=false", remote)
    assert skopeo("gus").run("inspect", "--tls-verify=false", remote)


def test_wrong_password_is_called_invalid(skopeo: SignIn, registry: Registry) -> None:
    login = ("login", "--tls-verify=false", "--username", "alice", "--password-stdin", registry.address)
    assert "invalid username/password" in skopeo().fail(*login, stdin="not it\n")


def test_credentials_may_be_given_with_the_command(skopeo: SignIn, registry: Registry, layout: Path, name: str) -> None:
    credentials = f"alice:{password_of('alice')}"
    skopeo().run(
        "copy", TO, "--dest-creds", credentials, f"oci:{layout}:1", f"docker://{registry.address}/team/{name}:1"
    )
