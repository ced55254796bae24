"""Clients that push, pull and delete images of the same few layers in repositories of their own, and in one of all."""

import random
import threading
import time
from dataclasses import dataclass, field
from itertools import count

import httpx

from storage.digest import Digest
from tests.http.serving import MANIFEST_TYPE, image_manifest
from tests.torture.pushes import Ledger, content_of, expect, pull_image, put_manifest
from tests.torture.servers import Server

LAYERS = [content_of(f"layer{number}", 20_000 + number) for number in range(6)]
CONFIGS = [f'{{"author":"{number}"}}'.encode() for number in range(3)]
IMAGES = [
    image_manifest(Digest.of(config), len(config), Digest.of(layer), len(layer))
    for config in CONFIGS
    for layer in LAYERS
]
COMMON = "library/common"


@dataclass
class Sharer:
    """One client. Within `grace` seconds of being told that a blob is there, it must be able to name it.

    One that is `patient` begins again where its connection is cut, on any of the servers.
    """

    number: int
    grace: float
    patient: bool = False
    ledger: Ledger = field(init=False)
    pushed: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"library/sharer{self.number}")
        self._chance = random.Random(self.number)

    def work(self, servers: list[Server], stop: threading.Event) -> None:
        for number in count():
            if stop.is_set():
                return
            try:
                with servers[number % len(servers)].client() as client:
                    self._work(client)
            except httpx.TransportError:
                if not self.patient:
                    raise
                stop.wait(0.1)

    def _work(self, client: httpx.Client) -> None:
        for _ in range(5):
            self._push(client, self.ledger.repository)
            self._push(client, COMMON)
            self._delete_some(client)

    def _push(self, client: httpx.Client, repository: str) -> None:
        config, layer = self._chance.choice(CONFIGS), self._chance.choice(LAYERS)
        began = time.monotonic()
        for content in (config, layer):
            self._provide(client, repository, content)
        manifest = image_manifest(Digest.of(config), len(config), Digest.of(layer), len(layer))
        tag = f"t{self._chance.randrange(4)}"
        if repository != COMMON:
            self.ledger.asked(tag, Digest.of(manifest))
        answer = put_manifest(client, repository, tag, manifest)
        if answer.status_code == 201:
            self.pushed += 1
            self._remember(client, repository, tag, Digest.of(manifest))
            return
        assert {error["code"] for error in expect(answer, 404).json()["errors"]} == {"MANIFEST_BLOB_UNKNOWN"}
        self.refused += 1
        assert time.monotonic() - began >= self.grace, f"a blob went before its time: {answer.text}"

    def _provide(self, client: httpx.Client, repository: str, content: bytes) -> None:
        """Let the repository have a blob as clients do: ask for it, try to mount it, or push it."""
        digest = Digest.of(content)
        if expect(client.head(f"/v2/{repository}/blobs/{digest}"), 200, 404).status_code == 200:
            return
        uploads = f"/v2/{repository}/blobs/uploads/"
        if self._chance.random() < 0.5:
            answer = expect(client.post(uploads, params={"mount": str(digest)}), 201, 202)
            if answer.status_code == 202:
                expect(client.put(answer.headers["location"], params={"digest": str(digest)}, content=content), 201)
            return
        expect(client.post(uploads, params={"digest": str(digest)}, content=content), 201)

    def _remember(self, client: httpx.Client, repository: str, tag: str, digest: Digest) -> None:
        if repository == COMMON:
            return
        self.ledger.promised(tag, digest)
        assert pull_image(client, repository, tag) == digest

    def _delete_some(self, client: httpx.Client) -> None:
        """Of one's own, one that is known to be there; of everybody's, whatever a tag points to."""
        if len(self.ledger.manifests) > 2:
            self.ledger.delete(client, self._chance.choice(sorted(self.ledger.manifests)))
        if self._chance.random() < 0.5:
            tag = f"t{self._chance.randrange(4)}"
            found = expect(client.get(f"/v2/{COMMON}/manifests/{tag}", headers={"Accept": MANIFEST_TYPE}), 200, 404)
            if found.status_code == 200:
                expect(client.delete(f"/v2/{COMMON}/manifests/{Digest.of(found.content)}"), 202, 404)
