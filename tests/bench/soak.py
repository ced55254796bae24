"""Very many requests, and what a server holds before, between and after them."""

from collections.abc import Callable

from tests.bench import machine
from tests.bench.clients import MB
from tests.bench.loads import wrk
from tests.bench.rows import Contents, push_images


def soak(contents: Contents, requests: int, say: Callable[[str], None]) -> None:
    """Send so many of all sorts over many connections, with pushes in between, and tell memory and open files."""
    scale, image, sent = contents.scale, contents.image, 0
    base = f"/v2/{contents.repository}"
    manifests = [f"{base}/manifests/{reference}" for reference in (image.tag, image.digest, "missing")]
    paths = ["/v2/", f"{base}/tags/list", *manifests, *(f"{base}/blobs/{blob.digest}" for blob in image.blobs)]
    say("| requests | MB | MB at most | open files |\n| --: | --: | --: | --: |")
    _tell(contents, sent, say)
    while sent < requests:
        authorization = contents.authorization()
        told = wrk(contents.server.port, paths, scale.crowd, scale.seconds * 6, authorization)
        sent += int(told["requests"])
        push_images(contents, scale.clients)()
        _tell(contents, sent, say)


def _tell(contents: Contents, sent: int, say: Callable[[str], None]) -> None:
    group = contents.server.group
    memory, peak = machine.memory_bytes(group) / MB, machine.peak_bytes(group) / MB
    say(f"| {sent:,} | {memory:.1f} | {peak:.1f} | {machine.open_files(group)} |")
