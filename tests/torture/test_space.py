"""Space that comes back: most of a registry is deleted, and cleaned up while clients pull what is left."""

import random
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.digest import Digest
from tests.cli.running import COVE, environment
from tests.http.serving import image_manifest
from tests.torture.amounts import some
from tests.torture.pushes import content_of, expect, pull_blob, push_blob, put_manifest
from tests.torture.servers import Crowd, Server, Start

LAYER_BYTES = 1 << 20
IMAGES = some(100, 5000)
KEPT = IMAGES // 5
PULLERS = 2


class Layers:
    """One image of each number, with a layer of its own that is the same in every run."""

    def __init__(self, server: Server, repository: str = "library/space") -> None:
        self._server = server
        self._repository = repository
        self.pulled_bytes = 0
        self._kept: list[Digest] = []

    def push(self, number: int) -> None:
        layer, config = self._layer(number), b"{}"
        with self._server.client() as client:
            for content in (config, layer):
                push_blob(client, self._repository, content)
            expect(put_manifest(client, self._repository, f"v{number}", self._manifest(number)), 201)
        if number < KEPT:
            self._kept.append(Digest.of(layer))

    def delete(self, number: int) -> None:
        with self._server.client() as client:
            digest = Digest.of(self._manifest(number))
            expect(client.delete(f"/v2/{self._repository}/manifests/{digest}"), 202)

    def pull(self, stop: threading.Event, seed: int) -> None:
        """Pull layers of images that stay, one after the other, until the end."""
        chance = random.Random(seed)
        with self._server.client() as client:
            while not stop.is_set():
                self.pulled_bytes += pull_blob(client, self._repository, chance.choice(self._kept))

    def rate(self, work: Callable[[], object]) -> tuple[float, float]:
        """Bytes a second that were pulled during the work, and how many seconds that took."""
        began, before = time.monotonic(), self.pulled_bytes
        work()
        took = time.monotonic() - began
        return (self.pulled_bytes - before) / took, took

    def _layer(self, number: int) -> bytes:
        return content_of(f"layer{number}", LAYER_BYTES)

    def _manifest(self, number: int) -> bytes:
        return image_manifest(Digest.of(b"{}"), 2, Digest.of(self._layer(number)), LAYER_BYTES)


def stored(data: Path) -> int:
    """Bytes that the objects take up on the disk."""
    return sum(path.stat().st_blocks * 512 for path in (data / "blobs").rglob("*") if path.is_file())


@pytest.mark.timeout(some(300, 3600))
def test_most_of_a_registry_is_deleted_and_its_space_is_free_while_clients_pull_the_rest(
    serve: Start, data: Path, record_property: Callable[[str, object], None]
) -> None:
    server, stop = serve(gc_seconds="0"), threading.Event()
    layers = Layers(server)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(layers.push, range(IMAGES)))
        full = stored(data)
        list(threads.map(layers.delete, range(KEPT, IMAGES)))
    assert stored(data) == full
    with Crowd() as crowd:
        for number in range(PULLERS):
            crowd.add(layers.pull, stop, number)
        try:
            usual, _ = layers.rate(lambda: time.sleep(some(3, 20)))
            clean_up = [*COVE, "gc", "--free-now", "--data", str(data)]
            meanwhile, seconds = layers.rate(lambda: subprocess.run(clean_up, env=environment(), check=True))
        finally:
            stop.set()
    assert stored(data) == pytest.approx(full / 5, rel=0.02)
    assert usual
    record_property("bytes freed", full - stored(data))
    record_property("seconds", round(seconds, 1))
    record_property("pulls during the clean-up, of those before", round(meanwhile / usual, 2))
