"""A project that is full: what each client says when it pushes there, and that it does not try for ever."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients import images
from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients


@pytest.fixture
def project(registry: Registry, name: str) -> str:
    """A project that may keep 20 kB."""
    registry.cove("project", "add", name, "--quota", "20kB")
    registry.cove("member", "add", name, "alice", "developer")
    return name


@pytest.fixture
def build(bare_docker: Callable[[], Client], name: str, tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Makes an image of one layer with so many random bytes, and gives its local name."""
    docker = bare_docker()

    def made(size: int) -> str:
        folder, image = tmp_path / f"build-{size}", f"{name}:local-{size}"
        folder.mkdir()
        (folder / "content").write_bytes(random.randbytes(size))
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /srv/content\n")
        docker.run("build", "--tag", image, folder)
        return image

    yield made
    images.remove_all(docker)


def used(registry: Registry, project: str) -> int:
    """Bytes in use, as they are on record and as they are."""
    [recount] = json.loads(registry.cove("project", "recount", project, "--json"))
    assert recount["difference_bytes"] == 0
    return int(recount["used_bytes"])


def fail_to_push(docker: Client, image: str, remote: str) -> str:
    docker.run("tag", image, remote)
    return docker.fail("push", remote)


def test_docker_says_why_a_layer_does_not_fit(
    docker: SignIn, registry: Registry, project: str, build: Callable[[int], str]
) -> None:
    alice, remote = docker("alice"), f"{registry.address}/{project}/app"
    alice.run("tag", build(12_000), f"{remote}:1")
    alice.run("push", f"{remote}:1")
    before = used(registry, project)
    said = fail_to_push(alice, build(11_000), f"{remote}:2")
    assert f"denied: project '{project}' has {before / 1000:.1f} kB of its 20.0 kB in use: 11." in said
    assert "do not fit; ask an administrator for more" in said
    assert before <= used(registry, project) < before + 2_000  # its configuration may have come before its layer


def test_docker_says_why_a_layer_larger_than_the_limit_is_refused_while_it_sends_it(
    docker: SignIn, registry: Registry, project: str, build: Callable[[int], str]
) -> None:
    alice = docker("alice")
    said = fail_to_push(alice, build(30_000_000), f"{registry.address}/{project}/app:1")
    assert f"denied: project '{project}' has " in said
    assert "of its 20.0 kB in use: " in said


def test_skopeo_says_why_a_layer_does_not_fit(skopeo: SignIn, registry: Registry, layout: Path, project: str) -> None:
    remote = f"docker://{registry.address}/{project}/app:1"
    said = skopeo("alice").fail("copy", "--dest-tls-verify=false", f"oci:{layout}:1", remote)
    assert f"denied: project '{project}' has " in said
    assert "of its 20.0 kB in use: 100." in said


def test_crane_says_why_a_layer_does_not_fit(crane: SignIn, registry: Registry, layout: Path, project: str) -> None:
    said = crane("alice").fail("push", layout, f"{registry.address}/{project}/app:1")
    assert "DENIED" in said
    assert f"project '{project}' has " in said
    assert "of its 20.0 kB in use: 100." in said


def test_oras_says_why_a_file_does_not_fit(oras: SignIn, registry: Registry, project: str, tmp_path: Path) -> None:
    alice = oras("alice")
    (alice.home / "file").write_bytes(random.randbytes(20_001))
    said = alice.fail("push", "--plain-http", f"{registry.address}/{project}/app:1", "file")
    assert f"project '{project}' has " in said
    assert "of its 20.0 kB in use: 20.0 kB more do not fit" in said
