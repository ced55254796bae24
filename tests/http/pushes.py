"""What the tests of the OCI endpoints do all the time, in repositories of their own."""

import itertools
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from sqlalchemy import select

from storage.digest import Digest
from storage.metadata.tables import uploads
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, PASSWORD, Registry

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
ABSENT = Digest.of(b"nobody ever pushed this")

Result = TypeVar("Result")

_numbers = itertools.count(1)
_clients: dict[tuple[str, str], httpx.Client] = {}


@dataclass(frozen=True)
class Repo:
    """A repository and the client of somebody who works in it."""

    http: httpx.Client
    name: str

    def url(self, rest: str) -> str:
        return f"/v2/{self.name}/{rest}"

    def as_user(self, registry: Registry, user: str) -> "Repo":
        return Repo(_client(registry, user), self.name)

    def begin(self, **query: str) -> str:
        """Begin an upload and return its address."""
        response = self.http.post(self.url("blobs/uploads/"), params=query)
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def patch(self, upload: str, content: bytes, start: int | None = None) -> httpx.Response:
        """Send a chunk; with `start`, say where it belongs."""
        headers = {} if start is None else {"Content-Range": f"{start}-{start + len(content) - 1}"}
        return self.http.patch(upload, content=content, headers=headers)

    def finish(self, upload: str, digest: Digest | str, content: bytes = b"") -> httpx.Response:
        return self.http.put(upload, params={"digest": str(digest)}, content=content)

    def offset(self, upload: str) -> int | None:
        """How many bytes the upload has, and None when it is unknown; its status cannot tell one byte from none."""
        response = self.http.get(upload)
        if response.status_code == 404:
            return None
        assert response.status_code == 204, response.text
        first, last = response.headers["Range"].split("-")
        assert first == "0"
        return int(last) + 1 if last != "0" else 0

    def push_blob(self, content: bytes, algorithm: str = "sha256") -> Digest:
        digest = Digest.of(content, algorithm)
        response = self.http.post(self.url("blobs/uploads/"), params={"digest": str(digest)}, content=content)
        assert response.status_code == 201, response.text
        return digest

    def blob(self, digest: Digest | str, **headers: str) -> httpx.Response:
        return self.http.get(self.url(f"blobs/{digest}"), headers=headers)

    def put(
        self, reference: Digest | str, content: bytes, media_type: str | None = MANIFEST_TYPE, tags: Sequence[str] = ()
    ) -> httpx.Response:
        headers = {"Content-Type": media_type} if media_type else {}
        return self.http.put(
            self.url(f"manifests/{reference}"), content=content, headers=headers, params={"tag": list(tags)}
        )

    def push(self, reference: Digest | str, content: bytes, media_type: str | None = MANIFEST_TYPE) -> Digest:
        response = self.put(reference, content, media_type)
        assert response.status_code == 201, response.text
        return Digest.of(content)

    def manifest(self, reference: Digest | str, **headers: str) -> httpx.Response:
        return self.http.get(self.url(f"manifests/{reference}"), headers=headers)

    def image(self, layer: bytes = b"layer", /, **fields: object) -> bytes:
        """A manifest whose configuration and one layer are pushed; it is not."""
        self.push_blob(b"{}")
        self.push_blob(layer)
        return image(layer, **fields)

    def push_image(self, reference: Digest | str, layer: bytes = b"layer", /, **fields: object) -> Digest:
        return self.push(reference, self.image(layer, **fields))

    def tags(self) -> list[str]:
        response = self.http.get(self.url("tags/list"))
        return [] if response.status_code == 404 else response.json()["tags"]


def fresh(registry: Registry, user: str = "admin", project: str = "team") -> Repo:
    """A repository nobody has used."""
    return Repo(_client(registry, user), f"{project}/repo-{next(_numbers)}")


def _client(registry: Registry, user: str) -> httpx.Client:
    """One client for all: making one takes longer than a push."""
    known = _clients.get((registry.url, user))
    if known is None or known.is_closed:
        known = _clients[registry.url, user] = registry.client(user)
    return known


def descriptor(content: bytes, media_type: str, **fields: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content), **fields}


def image(layer: bytes = b"layer", /, **fields: object) -> bytes:
    """The manifest of an image with an empty configuration and one layer."""
    return document(
        mediaType=MANIFEST_TYPE,
        config=descriptor(b"{}", CONFIG_TYPE),
        layers=[descriptor(layer, LAYER_TYPE)],
        **fields,
    )


def index(*children: Mapping[str, object], **fields: object) -> bytes:
    return document(mediaType=INDEX_TYPE, manifests=list(children), **fields)


def document(**fields: object) -> bytes:
    """A manifest of schema version 2; a field that is None is left out."""
    return json.dumps(
        {name: value for name, value in {"schemaVersion": 2, **fields}.items() if value is not None}
    ).encode()


def codes(response: httpx.Response) -> list[str]:
    """The codes of an error response, whose form is checked."""
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert list(body) == ["errors"]
    for entry in body["errors"]:
        assert set(entry) == {"code", "message", "detail"}
        assert entry["message"]
    return [entry["code"] for entry in body["errors"]]


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, codes(response)) == (status, [code]), response.text


def next_page(response: httpx.Response) -> str | None:
    """The address in a response's Link; relative, as clients that go through a proxy need it."""
    if "Link" not in response.headers:
        return None
    address = response.links["next"]["url"]
    assert address.startswith("/v2/")
    return address


def pages(http: httpx.Client, address: str) -> Iterator[Any]:
    """The bodies of all pages from `address` on."""
    following: str | None = address
    while following:
        response = http.get(following)
        assert response.status_code == 200, response.text
        yield response.json()
        following = next_page(response)


def objects(registry: Registry, digest: Digest) -> list[Path]:
    """The files that hold the content in the server's folder."""
    return list((registry.config.data / "blobs" / digest.algorithm / digest.hex[:2]).glob(f"{digest.hex}-*"))


def staged(registry: Registry) -> set[Path]:
    return set((registry.config.data / "uploads").glob("*"))


def staged_file(registry: Registry, upload: str) -> Path:
    """Where the bytes of an upload, given by its address, are written."""
    upload_id = urlsplit(upload).path.rpartition("/")[2]
    with registry.database.read() as tx:
        place: str = tx.execute(select(uploads.c.staged).where(uploads.c.id == upload_id)).scalar_one()
    return registry.config.data / place


def at_once(*work: Callable[[], Result]) -> list[Result]:
    """Do all of it at the same time, each in a thread."""
    barrier = threading.Barrier(len(work))

    def start(one: Callable[[], Result]) -> Result:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(start, work))


def port(registry: Registry) -> int:
    number = urlsplit(registry.url).port
    assert number
    return number


def basic(user: str = "admin") -> str:
    """The header field of a raw request."""
    return "Authorization: Basic " + b64encode(f"{user}:{PASSWORD}".encode()).decode()
