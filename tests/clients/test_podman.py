"""Podman and Buildah: no daemon, each with a storage of its own."""

import json
import uuid
from pathlib import Path

import pytest

from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients

PLAIN = "--tls-verify=false"


def build(buildah: Client, remote: str, architecture: str = "amd64") -> str:
    """Make an image of one layer, new in every test, under the name `remote`; gives its id."""
    content = buildah.home / "content"
    content.write_text(uuid.uuid4().hex)
    container = buildah.run("from", "--arch", architecture, "scratch")
    buildah.run("copy", container, content, "/srv/content")
    return buildah.run("commit", "--quiet", container, remote)


def podman_on(podman: Client, tmp_path: Path, name: str) -> str:
    """Make an image in Podman's storage from a folder; gives its local name."""
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "content").write_text(uuid.uuid4().hex)
    (folder / "Containerfile").write_text("FROM scratch\nCOPY content /srv/content\n")
    podman.run("build", "--tag", f"localhost/{name}", folder)
    return f"localhost/{name}"


def identity(client: Client, image: str) -> str:
    return client.run("image", "inspect", "--format", "{{.Id}}", image)


def test_podman_pushes_and_a_guest_pulls_the_same(
    podman: SignIn, registry: Registry, name: str, tmp_path: Path
) -> None:
    remote, alice, gus = f"{registry.address}/team/{name}:1", podman("alice"), podman("gus")
    image = podman_on(alice, tmp_path, name)
    alice.run("push", PLAIN, image, remote)
    gus.run("pull", PLAIN, remote)
    assert identity(gus, remote) == identity(alice, image)


def test_podman_pulls_from_a_public_project_without_credentials(
    podman: SignIn, registry: Registry, name: str, tmp_path: Path
) -> None:
    remote, alice, anonymous = f"{registry.address}/open/{name}:1", podman("alice"), podman()
    image = podman_on(alice, tmp_path, name)
    alice.run("push", PLAIN, image, remote)
    anonymous.run("pull", PLAIN, remote)
    assert identity(anonymous, remote) == identity(alice, image)


def test_podman_guest_may_not_push_and_is_told_why(
    podman: SignIn, registry: Registry, name: str, tmp_path: Path
) -> None:
    gus = podman("gus")
    image = podman_on(gus, tmp_path, name)
    said = gus.fail("push", PLAIN, image, f"{registry.address}/team/{name}:1")
    assert "denied" in said
    assert "gus" in said


def test_podman_login_with_a_wrong_password_fails(podman: SignIn, registry: Registry) -> None:
    login = ("login", PLAIN, "--username", "alice", "--password-stdin", registry.address)
    assert "invalid username/password" in podman().fail(*login, stdin="not it\n")


def test_buildah_pushes_and_a_guest_pulls_the_same(buildah: SignIn, registry: Registry, name: str) -> None:
    remote, alice, gus = f"{registry.address}/team/{name}:1", buildah("alice"), buildah("gus")
    built = build(alice, remote)
    alice.run("push", PLAIN, remote)
    assert gus.run("pull", "--quiet", PLAIN, remote) == built


def test_buildah_pushes_a_docker_format_image(buildah: SignIn, skopeo: SignIn, registry: Registry, name: str) -> None:
    remote, alice = f"{registry.address}/team/{name}:1", buildah("alice")
    build(alice, remote)
    alice.run("push", PLAIN, "--format", "v2s2", remote)
    manifest = json.loads(skopeo("gus").run("inspect", "--raw", PLAIN, f"docker://{remote}"))
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


def test_buildah_pushes_a_manifest_list_with_its_images(
    buildah: SignIn, skopeo: SignIn, registry: Registry, name: str
) -> None:
    remote, alice = f"{registry.address}/team/{name}", buildah("alice")
    alice.run("manifest", "create", name)
    for architecture in ("amd64", "arm64"):
        alice.run("manifest", "add", name, build(alice, f"{remote}:{architecture}", architecture))
    alice.run("manifest", "push", PLAIN, "--all", name, f"docker://{remote}:all")
    index = json.loads(skopeo("gus").run("inspect", "--raw", PLAIN, f"docker://{remote}:all"))
    assert {child["platform"]["architecture"] for child in index["manifests"]} == {"amd64", "arm64"}
