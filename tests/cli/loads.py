"""Clients that push and pull without a pause, while something is done to the servers."""

import itertools
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import httpx

from storage.digest import Digest
from tests.http.serving import MANIFEST_TYPE, TLS, image_manifest

PASSWORD = "Kelp-forest-9"  # of the administrator

Expect = Callable[[httpx.Response, int], None]


class Load:
    """Clients that push and pull until the block ends; `failures` are what went wrong."""

    def __init__(self, url: str, trusting: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._trusting = trusting or TLS
        self._ends = threading.Event()
        self.failures: list[str] = []
        self.answers = 0
        works = (self._pull_on_one_connection, self._pull_on_new_connections, self._push)
        self._threads = [threading.Thread(target=self._run, args=(work, f"n{n}")) for work in works for n in range(2)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, auth=("admin", PASSWORD), timeout=60, verify=self._trusting)

    def _run(self, work: Callable[[str], None], name: str) -> None:
        try:
            work(name)
        except (httpx.HTTPError, AssertionError) as error:
            self.failures.append(f"{work.__name__}: {error!r}")

    def expect(self, answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status, (answer.request.method, answer.url, answer.status_code, answer.text)
        self.answers += 1

    def _pull_on_one_connection(self, _name: str) -> None:
        with self.client() as client:
            while not self._ends.is_set():
                self.expect(client.get("/v2/library/app/manifests/v1"), 200)
                time.sleep(0.01)

    def _pull_on_new_connections(self, _name: str) -> None:
        while not self._ends.is_set():
            with self.client() as client:
                self.expect(client.get("/v2/library/app/manifests/v1"), 200)
                time.sleep(0.01)

    def _push(self, name: str) -> None:
        """One image after the other, each layer in pieces with a pause between them."""
        with self.client() as client:
            for count in itertools.takewhile(lambda _: not self._ends.is_set(), itertools.count()):
                push(client, f"{name}-{count}", [f"{name}-{count}".encode(), bytes(100_000)], self.expect)


def push(client: httpx.Client, tag: str, pieces: list[bytes], expect: Expect) -> None:
    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            time.sleep(0.05)

    layer, begun = b"".join(pieces), client.post("/v2/library/app/blobs/uploads/")
    expect(begun, 202)
    digest, config = Digest.of(layer), Digest.of(b"{}")
    expect(client.put(begun.headers["location"], params={"digest": str(digest)}, content=slowly()), 201)
    expect(client.post("/v2/library/app/blobs/uploads/", params={"digest": str(config)}, content=b"{}"), 201)
    manifest, headers = image_manifest(config, 2, digest, len(layer)), {"Content-Type": MANIFEST_TYPE}
    expect(client.put(f"/v2/library/app/manifests/{tag}", content=manifest, headers=headers), 201)
