"""deploy/Containerfile, built by Buildah on a base of this machine, and run by Podman without any privilege."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from tests.clients.conftest import short_folder
from tests.clients.programs import ROOT, SEARCH_PATH, Client, bare_environment, find_program
from tests.cluster.services import free_port
from tests.deploy.bases import WITH_PYTHON, write_base

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

PASSWORD = "Kelp-forest-9"
# Podman asks for more files than a test may have, and nobody manages control groups or networks here.
HERE = ("--network", "host", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1000:1000")
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@cache
def storage_driver(home: Path) -> str:
    """Layers over each other where folders can be mounted so; the other driver copies an image for each step of it."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        parts = {name: Path(folder, name) for name in ("lowerdir", "upperdir", "workdir", "merged")}
        for part in parts.values():
            part.mkdir()
        merged = str(parts.pop("merged"))
        options = ",".join(f"{name}={part}" for name, part in parts.items())
        tried = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=False)
        if tried.returncode:
            return "vfs"
        subprocess.run(["umount", merged], check=True)
        return "overlay"


@pytest.fixture(scope="module")
def podman() -> Iterator[Client]:
    with short_folder() as home:
        folders = ("--root", f"{home}/root", "--runroot", f"{home}/run-root", "--tmpdir", f"{home}/libpod")
        options = ("--storage-driver", storage_driver(home), "--cgroup-manager", "cgroupfs", "--events-backend", "file")
        yield Client((find_program("podman"), *folders, *options), bare_environment(home), home)


@pytest.fixture(scope="module")
def image(podman: Client) -> str:
    """The image, built from the root of the project."""
    write_base(podman.home / "base.tar", WITH_PYTHON)
    podman.run("import", podman.home / "base.tar", "localhost/base")
    folders = ("--root", f"{podman.home}/root", "--runroot", f"{podman.home}/run-root")
    driver = ("--storage-driver", storage_driver(podman.home))
    how = ("--isolation", "chroot", "--network", "host", "--format", "docker", "--quiet")
    what = ("--build-arg", "BASE=localhost/base", "--tag", "localhost/cove", "--file", "deploy/Containerfile", ".")
    command = [find_program("buildah"), *folders, *driver, "build", *how, *what]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": SEARCH_PATH, "HOME": str(podman.home)}, timeout=800, check=False
    )
    assert done.returncode == 0
    return "localhost/cove"


@pytest.fixture
def address(podman: Client, image: str) -> Iterator[str]:
    """Where the registry of a container answers; its name is `cove`, and that of its volume `data`."""
    port = free_port()
    settings = (
        "--env",
        f"COVE_PORT={port}",
        "--env",
        "COVE_HOST=127.0.0.1",
        "--env",
        f"COVE_ADMIN_PASSWORD={PASSWORD}",
    )
    podman.run("run", "--detach", "--name", "cove", "--volume", "data:/data", *HERE, *LOCKED, *settings, image)
    yield f"127.0.0.1:{port}"
    podman.run("rm", "--force", "--time", "30", "cove")


def wait_until_healthy(podman: Client) -> None:
    """By the health check of the image, which an engine runs from time to time."""
    deadline = time.monotonic() + 60
    told = json.loads(podman.run("image", "inspect", "--format", "{{json .HealthCheck}}", "localhost/cove"))
    kind, *check = told["Test"]
    assert kind == "CMD"
    while podman.call(["exec", "cove", *check], "").returncode:
        assert time.monotonic() < deadline, podman.run("logs", "cove")


def test_container_serves_without_privileges_and_keeps_everything_in_its_volume(podman: Client, address: str) -> None:
    wait_until_healthy(podman)
    blob = {"digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
    credentials = ("admin", PASSWORD)
    pushed = httpx.post(f"http://{address}/v2/library/app/blobs/uploads/", params=blob, content=b"{}", auth=credentials)
    assert pushed.status_code == 201
    assert podman.run("exec", "cove", "id", "-u") == "65532"
    assert "Read-only file system" in podman.fail("exec", "cove", "sh", "-c", "echo > /opt/cove/file")
    assert podman.run("exec", "cove", "cove", "project", "list", "--json")
    podman.run("restart", "--time", "30", "cove")
    wait_until_healthy(podman)
    pulled = httpx.get(f"http://{address}/v2/library/app/blobs/{blob['digest']}", auth=credentials)
    assert pulled.content == b"{}"


def test_unhealthy_container_is_told_from_a_healthy_one(podman: Client, image: str) -> None:
    run = ("run", "--rm", *HERE, *LOCKED, "--env", f"COVE_PORT={free_port()}", image, "health")
    assert "The server is not ready" in podman.fail(*run)


def test_image_brings_no_tests_and_no_tools_of_the_build(podman: Client, image: str) -> None:
    found = podman.run("run", "--rm", *HERE, "--entrypoint", "ls", image, "/opt/cove/bin", "/")
    assert "src" not in found.split()
    assert "cove" in found.split()
