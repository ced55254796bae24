"""Bytes on the disk that are no longer what they were: no answer has wrong ones, and a push mends them."""

import os
from pathlib import Path

import httpx

from storage.digest import Digest
from tests.torture.pushes import Ledger, expect
from tests.torture.servers import Start
from tests.torture.verdicts import fsck, settled


def path_of(data: Path, digest: Digest) -> Path:
    [path] = (data / "blobs" / "sha256" / digest.hex[:2]).glob(f"{digest.hex}-*")
    return path


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    """A link to a file of the same size, which holds something that nobody may read."""
    secret = path.with_name("secret")
    path.rename(secret)
    path.symlink_to(secret)


def shut(path: Path) -> None:
    """A folder in its place, which not even root reads as a file."""
    path.unlink()
    path.mkdir()


def test_damaged_layer_is_unknown_and_pushing_the_image_again_mends_it(serve: Start) -> None:
    server, ledgers = serve(), []
    with server.client() as client:
        for damage in (truncate, empty, lengthen, remove, link, shut):
            ledger = Ledger(f"library/{damage.__name__}")
            ledger.push(client, damage.__name__)
            for digest in ledger.blobs:
                damage(path_of(server.data, digest))
            for digest in ledger.blobs:
                unknown(client, ledger.repository, digest)
            ledger.push(client, damage.__name__)
            ledgers.append(ledger)
    settled(server, *ledgers)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_layers_with_a_flipped_bit_are_found_refused_and_mended_by_a_push(serve: Start) -> None:
    server, ledger = serve(), Ledger("library/flipped")
    with server.client() as client:
        ledger.push(client, "v1")
        for digest in ledger.blobs:
            flip(path_of(server.data, digest))
        found = fsck(server.data, "--read", "--repair")
        assert isinstance(found["findings"], list)
        named = {finding["subject"] for finding in found["findings"] if finding["kind"] == "blob"}
        assert named == {str(digest) for digest in ledger.blobs}
        for digest in ledger.blobs:
            unknown(client, ledger.repository, digest)
        ledger.push(client, "v1")
    settled(server, ledger)


def unknown(client: httpx.Client, repository: str, digest: Digest) -> None:
    for method in ("HEAD", "GET"):
        expect(client.request(method, f"/v2/{repository}/blobs/{digest}"), 404)
    expect(client.get(f"/v2/{repository}/blobs/{digest}", headers={"Range": "bytes=0-9"}), 404)
