"""crane, and with it every program made of go-containerregistry: kaniko, cosign, ko, Flux."""

import json
from pathlib import Path

import pytest

from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients


def push(crane: Client, layout: Path, remote: str) -> str:
    """Push the one image of a layout; gives the reference with its digest."""
    return crane.run("push", layout, remote)


def test_layout_is_pushed_and_pulled_by_a_guest(
    crane: SignIn, registry: Registry, layout: Path, name: str, tmp_path: Path
) -> None:
    remote = f"{registry.address}/team/{name}:1"
    pushed = push(crane("alice"), layout, remote)
    crane("gus").run("pull", "--format", "oci", remote, tmp_path / "back")
    index = json.loads((tmp_path / "back" / "index.json").read_text())
    assert pushed.endswith(index["manifests"][0]["digest"])
    crane("gus").run("validate", "--remote", remote)


def test_pull_from_a_public_project_needs_no_credentials(
    crane: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    remote = f"{registry.address}/open/{name}:1"
    push(crane("alice"), layout, remote)
    crane().run("validate", "--remote", remote)


def test_copy_to_another_repository_keeps_the_digest(
    crane: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    alice, repository = crane("alice"), f"{registry.address}/team/{name}"
    push(alice, layout, f"{repository}:1")
    alice.run("copy", f"{repository}:1", f"{repository}-copy:1")
    assert alice.run("digest", f"{repository}-copy:1") == alice.run("digest", f"{repository}:1")
    alice.run("validate", "--remote", f"{repository}-copy:1")


def test_copy_from_a_project_that_may_not_be_read_fails(
    crane: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    push(crane("alice"), layout, f"{registry.address}/team/{name}:1")
    said = crane("pat").fail("copy", f"{registry.address}/team/{name}:1", f"{registry.address}/conf/{name}:1")
    assert "DENIED" in said
    assert "pat" in said


def test_tags_are_listed_in_order(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    alice, repository = crane("alice"), f"{registry.address}/team/{name}"
    push(alice, layout, f"{repository}:b")
    alice.run("tag", f"{repository}:b", "a")
    assert alice.run("ls", repository).split() == ["a", "b"]


def test_catalog_of_the_administrator_names_every_repository(
    crane: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    push(crane("alice"), layout, f"{registry.address}/team/{name}:1")
    assert f"team/{name}" in crane("admin").run("catalog", registry.address).split()


def test_catalog_of_a_stranger_has_no_private_repository(
    crane: SignIn, registry: Registry, layout: Path, name: str
) -> None:
    push(crane("alice"), layout, f"{registry.address}/team/{name}:1")
    push(crane("alice"), layout, f"{registry.address}/open/{name}:1")
    seen = crane("stan").run("catalog", registry.address).split()
    assert f"open/{name}" in seen
    assert f"team/{name}" not in seen


def test_deleting_by_digest_takes_the_tag_along(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    pat, repository = crane("pat"), f"{registry.address}/conf/{name}"
    pat.run("delete", push(pat, layout, f"{repository}:1"))
    assert "MANIFEST_UNKNOWN" in pat.fail("manifest", f"{repository}:1")


def test_deleting_by_tag_leaves_the_other_tag(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    pat, repository = crane("pat"), f"{registry.address}/conf/{name}"
    push(pat, layout, f"{repository}:1")
    pat.run("tag", f"{repository}:1", "2")
    pat.run("delete", f"{repository}:1")
    assert pat.run("ls", repository) == "2"
    pat.run("validate", "--remote", f"{repository}:2")


def test_index_of_two_images_is_appended(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    alice, repository = crane("alice"), f"{registry.address}/team/{name}"
    push(alice, layout, f"{repository}:1")
    alice.run("mutate", f"{repository}:1", "--label", "which=second", "--tag", f"{repository}:2")
    alice.run(
        "index",
        "append",
        "--manifest",
        f"{repository}:1",
        "--manifest",
        f"{repository}:2",
        "--tag",
        f"{repository}:all",
    )
    children = json.loads(alice.run("manifest", f"{repository}:all"))["manifests"]
    assert {child["digest"] for child in children} == {alice.run("digest", f"{repository}:{tag}") for tag in "12"}


def test_guest_may_not_push_and_is_told_why(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    said = crane("gus").fail("push", layout, f"{registry.address}/team/{name}:1")
    assert "DENIED" in said
    assert "gus" in said


def test_nobody_in_particular_may_not_push(crane: SignIn, registry: Registry, layout: Path, name: str) -> None:
    assert "UNAUTHORIZED" in crane().fail("push", layout, f"{registry.address}/open/{name}:1")
