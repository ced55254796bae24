"""What the clients push: a real Debian root file system, and small images with content that no other test has."""

import random
import uuid
from pathlib import Path

from tests.clients.programs import Client
from tests.deploy.bases import essential, write_base

RANDOM_LAYER_BYTES = 48 * 1024 * 1024


def debian_root_fs(work: Path) -> Path:
    """A tar file with what every Debian has."""
    tar = work / "root-fs.tar"
    write_base(tar, essential())
    return tar


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
