"""What the clients push: a real Debian root file system, and small images with content that no other test has."""

import os
import random
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.clients.programs import SEARCH_PATH, TOOLS, Client, find_program

RANDOM_LAYER_BYTES = 48 * 1024 * 1024
ROOT_FS = TOOLS / "root-fs.tar"


def debian_root_fs(work: Path) -> Path:
    """A tar file with a minimal Debian, made by debootstrap once and kept with the tools."""
    if ROOT_FS.exists():
        return ROOT_FS
    root, tar = work / "root", work / "root-fs.tar"
    _build("debootstrap", "--variant=minbase", "bookworm", str(root))
    _build(
        "tar",
        "--sort=name",
        "--one-file-system",
        "--exclude=./var/cache/apt/archives/*.deb",
        "-C",
        str(root),
        "-cf",
        str(tar),
        ".",
    )
    shutil.rmtree(root)
    TOOLS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tar, ROOT_FS.with_suffix(".part"))
    os.replace(ROOT_FS.with_suffix(".part"), ROOT_FS)
    return ROOT_FS


def _build(program: str, *arguments: str) -> None:
    command = [find_program(program), *arguments]
    done = subprocess.run(
        command, env=os.environ | {"PATH": SEARCH_PATH}, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def write_build_folder(folder: Path, base: str, *, big: bool = False) -> Path:
    """A folder for `docker build` that adds two layers to `base`; the second is new in every test."""
    folder.mkdir()
    (folder / "first").write_bytes(random.Random(folder.name).randbytes(RANDOM_LAYER_BYTES if big else 1000))
    (folder / "second").write_text(uuid.uuid4().hex)
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY first /srv/first\nCOPY second /srv/second\n")
    return folder


def make_layout(umoci: Client, tag: str = "1", architecture: str = "amd64") -> Path:
    """An OCI image layout with one image of two layers, new in every test; gives the layout's folder."""
    layout = umoci.home / f"layout-{uuid.uuid4().hex[:8]}"
    image = f"{layout}:{tag}"
    umoci.run("init", "--layout", layout)
    umoci.run("new", "--image", image)
    umoci.run("config", "--image", image, "--architecture", architecture, "--os", "linux")
    for layer in ("first", "second"):
        content = umoci.home / f"{layout.name}-{layer}"
        content.write_bytes(random.randbytes(100_000))
        umoci.run("insert", "--image", image, content, f"/srv/{layer}")
    return layout


def remove_all(docker: Client) -> None:
    """Empty the daemon of images, so that the next pull has to fetch every layer."""
    found = set(docker.run("image", "ls", "--quiet", "--no-trunc").split())
    if found:
        docker.run("image", "rm", "--force", *found)
