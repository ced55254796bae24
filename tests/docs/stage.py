"""Makes what a page takes for granted: `python -m tests.docs.stage WHAT ARGUMENTS...`, called by the preparations."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bcrypt

from registry.testing import Client, Image
from tests.core.legacy_trees import Tree
from tests.docs.preparations import PASSWORD
from tests.http.certificates import certificate

URL = "http://127.0.0.1:5000"


def push(name: str, content: str) -> None:
    """Push an image with other content than others have."""
    with Client(URL, username="admin", password=PASSWORD) as client:
        client.push(Image.of({"content": content}), name)


def delete(name: str) -> None:
    """Delete an image by its digest, and print that."""
    with Client(URL, username="admin", password=PASSWORD) as client:
        digest = client.digest(name)
        client.delete(f"{name.rpartition(':')[0]}@{digest}")
    sys.stdout.write(f"{digest}\n")


def local(name: str) -> None:
    """Make an image in Docker; nothing of it comes from elsewhere."""
    Path("Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /hello\n")
    subprocess.run(["docker", "build", "--quiet", "--tag", name, "."], check=True)


def certificates(name: str) -> None:
    """A certificate and its key, `NAME.pem` and `NAME.key`."""
    chain, key = certificate(Path.cwd())
    chain.rename(f"{name}.pem")
    key.rename(f"{name}.key")


def old_registry(folder: str, htpasswd: str) -> None:
    """The storage of registry:2 with one image, and the accounts that it had."""
    Tree(Path(folder)).push("team/app", "1", b"a layer")
    Path(htpasswd).write_text(f"ann:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")


MAKES: dict[str, Callable[..., None]] = {
    "push": push,
    "delete": delete,
    "local": local,
    "certificates": certificates,
    "old-registry": old_registry,
}

if __name__ == "__main__":
    MAKES[sys.argv[1]](*sys.argv[2:])
