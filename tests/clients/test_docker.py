"""Docker: a real daemon and its command line."""

import json

import pytest

from tests.clients import images
from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients


def identity(docker: Client, image: str) -> str:
    return docker.run("image", "inspect", "--format", "{{.Id}}", image)


def push_as(docker: Client, image: str, remote: str) -> str:
    docker.run("tag", image, remote)
    return docker.run("push", remote)


def test_login_with_the_right_password_succeeds(docker: SignIn, registry: Registry) -> None:
    client = docker("alice")
    saved = json.loads((client.home / "docker" / "config.json").read_text())
    assert registry.address in saved["auths"]


def test_login_with_a_wrong_password_says_so(docker: SignIn, registry: Registry) -> None:
    said = docker().fail("login", "--username", "alice", "--password-stdin", registry.address, stdin="not it\n")
    assert "incorrect username or password" in said


@pytest.mark.timeout(600)
def test_developer_pushes_a_debian_image_and_a_guest_pulls_the_same(
    docker: SignIn, registry: Registry, root_fs_image: str, name: str
) -> None:
    remote = f"{registry.address}/team/{name}:1"
    alice, gus = docker("alice"), docker("gus")
    pushed = identity(alice, root_fs_image)
    assert push_as(alice, root_fs_image, remote).count("Pushed") == 3
    images.remove_all(alice)
    assert gus.run("pull", remote).count("Pull complete") == 3
    assert identity(gus, remote) == pushed


def test_guest_may_not_push_and_is_told_why(docker: SignIn, registry: Registry, small_image: str, name: str) -> None:
    remote = f"{registry.address}/team/{name}:1"
    gus = docker("gus")
    gus.run("tag", small_image, remote)
    said = gus.fail("push", remote)
    assert "denied: " in said
    assert "gus" in said
    assert "team" in said


def test_stranger_may_not_pull_and_is_told_why(docker: SignIn, registry: Registry, small_image: str, name: str) -> None:
    remote = f"{registry.address}/team/{name}:1"
    push_as(docker("alice"), small_image, remote)
    stan = docker("stan")
    images.remove_all(stan)
    said = stan.fail("pull", remote)
    assert "denied: " in said
    assert "stan" in said
    assert "team" in said


def test_nobody_in_particular_may_not_pull_from_a_private_project(
    docker: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    remote = f"{registry.address}/team/{name}:1"
    push_as(docker("alice"), small_image, remote)
    anonymous = docker()
    images.remove_all(anonymous)
    assert "unauthorized: " in anonymous.fail("pull", remote)


def test_everyone_pulls_from_a_public_project(docker: SignIn, registry: Registry, small_image: str, name: str) -> None:
    remote = f"{registry.address}/open/{name}:1"
    alice = docker("alice")
    pushed = identity(alice, small_image)
    push_as(alice, small_image, remote)
    images.remove_all(alice)
    anonymous = docker()
    anonymous.run("pull", remote)
    assert identity(anonymous, remote) == pushed


def test_nobody_in_particular_may_not_push_to_a_public_project_and_is_told_at_once(
    docker: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    remote = f"{registry.address}/open/{name}:1"
    anonymous = docker()
    anonymous.run("tag", small_image, remote)
    said = anonymous.fail("push", remote)
    assert "unauthorized: " in said
    assert "Retrying" not in said


def test_name_of_one_segment_lands_in_the_library(
    docker: SignIn, crane: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    push_as(docker("admin"), small_image, f"{registry.address}/{name}:1")
    assert crane("admin").run("ls", f"{registry.address}/library/{name}") == "1"


def test_second_repository_mounts_the_layers_of_the_first(
    docker: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    alice = docker("alice")
    push_as(alice, small_image, f"{registry.address}/team/{name}:1")
    said = push_as(alice, small_image, f"{registry.address}/team/{name}-second:1")
    assert said.count(f"Mounted from team/{name}") == 2


def test_same_image_pushed_again_uploads_nothing(
    docker: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    alice = docker("alice")
    push_as(alice, small_image, f"{registry.address}/team/{name}:1")
    said = push_as(alice, small_image, f"{registry.address}/team/{name}:again")
    assert said.count("Layer already exists") == 2


def test_pulling_all_tags_brings_each(docker: SignIn, registry: Registry, small_image: str, name: str) -> None:
    alice, remote = docker("alice"), f"{registry.address}/team/{name}"
    for tag in ("1", "2", "3"):
        push_as(alice, small_image, f"{remote}:{tag}")
    images.remove_all(alice)
    alice.run("pull", "--all-tags", remote)
    assert set(alice.run("image", "ls", "--format", "{{.Tag}}", remote).split()) == {"1", "2", "3"}


def test_missing_tag_is_called_unknown(docker: SignIn, registry: Registry, small_image: str, name: str) -> None:
    alice, remote = docker("alice"), f"{registry.address}/team/{name}"
    push_as(alice, small_image, f"{remote}:1")
    assert "manifest unknown" in alice.fail("pull", f"{remote}:2")


def test_manifest_list_is_pushed_and_its_child_is_pulled(
    docker: SignIn, registry: Registry, small_image: str, name: str
) -> None:
    alice, repository = docker("alice"), f"{registry.address}/team/{name}"
    pushed = identity(alice, small_image)
    push_as(alice, small_image, f"{repository}:amd64")
    alice.run("manifest", "create", "--insecure", f"{repository}:list", f"{repository}:amd64")
    alice.run("manifest", "annotate", "--arch", "amd64", f"{repository}:list", f"{repository}:amd64")
    alice.run("manifest", "push", "--insecure", f"{repository}:list")
    images.remove_all(alice)
    alice.run("pull", f"{repository}:list")
    assert identity(alice, f"{repository}:list") == pushed
