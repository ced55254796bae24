"""Pushes whose every answer is remembered, and the check that what was acknowledged is there."""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

import httpx

from storage.digest import Digest
from tests.http.serving import MANIFEST_TYPE, image_manifest

MIB = 1 << 20


def content_of(name: str, size: int) -> bytes:
    """Bytes that can be made again from their name."""
    return random.Random(name).randbytes(size)


def expect(response: httpx.Response, *statuses: int) -> httpx.Response:
    assert response.status_code in statuses, f"{response.request.url}: {response.status_code} {response.text}"
    return response


def begin(client: httpx.Client, repository: str) -> str:
    """The address of a new upload."""
    location: str = expect(client.post(f"/v2/{repository}/blobs/uploads/"), 202).headers["location"]
    return location


def kept(client: httpx.Client, location: str) -> int:
    """How many bytes the upload has; the range of an empty one is that of one byte, which no test here sends."""
    last = int(expect(client.get(location), 204).headers["range"].partition("-")[2])
    return last + 1 if last else 0


def finish(client: httpx.Client, location: str, digest: Digest, rest: bytes = b"") -> httpx.Response:
    return client.put(location, params={"digest": str(digest)}, content=rest)


def push_blob(client: httpx.Client, repository: str, content: bytes) -> Digest:
    """In one request."""
    digest = Digest.of(content)
    params = {"digest": str(digest)}
    expect(client.post(f"/v2/{repository}/blobs/uploads/", params=params, content=content), 201)
    return digest


def push_chunks(client: httpx.Client, repository: str, chunks: Iterable[bytes]) -> Digest:
    """One request a chunk."""
    hasher, location = hashlib.sha256(), begin(client, repository)
    for chunk in chunks:
        hasher.update(chunk)
        location = expect(client.patch(location, content=chunk), 202).headers["location"]
    digest = Digest("sha256", hasher.hexdigest())
    expect(finish(client, location, digest), 201)
    return digest


def pull_blob(client: httpx.Client, repository: str, digest: Digest) -> int:
    """Pull a blob, hold it to its digest without keeping it, and return its size."""
    hasher, size = hashlib.sha256(), 0
    with client.stream("GET", f"/v2/{repository}/blobs/{digest}") as response:
        assert response.status_code == 200, response.read()
        for piece in response.iter_raw():
            hasher.update(piece)
            size += len(piece)
    assert Digest("sha256", hasher.hexdigest()) == digest
    return size


def put_manifest(client: httpx.Client, repository: str, reference: object, content: bytes) -> httpx.Response:
    address = f"/v2/{repository}/manifests/{reference}"
    return client.put(address, content=content, headers={"Content-Type": MANIFEST_TYPE})


def pull_image(
    client: httpx.Client, repository: str, reference: object, pulled: dict[Digest, int] | None = None
) -> Digest:
    """Pull a whole image as a client does, hold all of it to its digests, and return that of the manifest.

    `pulled` are the sizes of blobs that are not pulled again, as a client keeps them; it gets those that are.
    """
    pulled = {} if pulled is None else pulled
    response = expect(client.get(f"/v2/{repository}/manifests/{reference}"), 200)
    manifest, digest = response.json(), Digest.of(response.content)
    assert response.headers["docker-content-digest"] == str(digest)
    for blob in [manifest["config"], *manifest["layers"]]:
        name = Digest.parse(blob["digest"])
        if name not in pulled:
            pulled[name] = pull_blob(client, repository, name)
        assert pulled[name] == blob["size"]
    return digest


@dataclass
class Ledger:
    """What one pusher was promised in its repository. Operations without an answer may have happened or not."""

    repository: str
    blobs: set[Digest] = field(default_factory=set)
    manifests: set[Digest] = field(default_factory=set)
    deleted: set[Digest] = field(default_factory=set)
    tags: dict[str, set[Digest]] = field(default_factory=dict)  # each what it may point to
    sure: set[str] = field(default_factory=set)  # tags that exist, wherever they point
    untagged: set[str] = field(default_factory=set)  # tags that are gone

    def push(self, client: httpx.Client, name: str, size: int = 300_000) -> Digest:
        """Push an image in chunks, tag it `name`, and move the tag `latest` to it."""
        layer = content_of(name, size)
        config = push_blob(client, self.repository, f'{{"author":"{name}"}}'.encode())
        self.blobs.add(config)
        half = size // 2
        self.blobs.add(layer_digest := push_chunks(client, self.repository, [layer[:half], layer[half:]]))
        manifest = image_manifest(config, len(f'{{"author":"{name}"}}'), layer_digest, size)
        for tag in (name, "latest"):
            self.point(client, tag, manifest)
        return Digest.of(manifest)

    def push_until_cut(self, client: httpx.Client, prefix: str) -> None:
        """Push and delete until the server is gone, and close the client."""
        with client:
            for number in count():
                try:
                    pushed = self.push(client, f"{prefix}n{number}")
                    if number % 3 == 2:
                        self.delete(client, pushed)
                except httpx.TransportError:
                    return

    def point(self, client: httpx.Client, tag: str, manifest: bytes) -> None:
        digest = Digest.of(manifest)
        self.asked(tag, digest)
        expect(put_manifest(client, self.repository, tag, manifest), 201)
        self.promised(tag, digest)

    def asked(self, tag: str, digest: Digest) -> None:
        """Until the registry answers, the tag may point to this manifest or not."""
        self.untagged.discard(tag)
        self.tags.setdefault(tag, set()).add(digest)
        self.deleted.discard(digest)

    def promised(self, tag: str, digest: Digest) -> None:
        """The registry has said that it has the manifest, and that the tag points to it."""
        self.tags[tag] = {digest}
        self.sure.add(tag)
        self.manifests.add(digest)

    def delete(self, client: httpx.Client, digest: Digest) -> None:
        """Delete a manifest by its digest, and its tags with it. Without an answer they may be there still."""
        self.manifests.discard(digest)
        self.sure -= {tag for tag, digests in self.tags.items() if digest in digests}
        expect(client.delete(f"/v2/{self.repository}/manifests/{digest}"), 202)
        self.deleted.add(digest)
        self.tags = {tag: rest for tag, digests in self.tags.items() if (rest := digests - {digest})}

    def untag(self, client: httpx.Client, tag: str) -> None:
        """Delete a tag; its manifest stays."""
        self.sure.discard(tag)
        expect(client.delete(f"/v2/{self.repository}/manifests/{tag}"), 202)
        del self.tags[tag]
        self.untagged.add(tag)

    def verify(self, client: httpx.Client) -> None:
        """Everything acknowledged is there, with the right bytes; what is gone is gone."""
        pulled = {blob: pull_blob(client, self.repository, blob) for blob in self.blobs}
        for manifest in self.manifests:
            assert pull_image(client, self.repository, manifest, pulled) == manifest
        for digest in self.deleted:
            expect(client.get(f"/v2/{self.repository}/manifests/{digest}"), 404)
        for tag in self.untagged:
            expect(client.get(f"/v2/{self.repository}/manifests/{tag}"), 404)
        for tag, digests in self.tags.items():
            self._verify_tag(client, tag, digests, pulled)

    def _verify_tag(self, client: httpx.Client, tag: str, digests: set[Digest], pulled: dict[Digest, int]) -> None:
        if tag not in self.sure and client.head(f"/v2/{self.repository}/manifests/{tag}").status_code == 404:
            return  # its only push was cut off
        assert pull_image(client, self.repository, tag, pulled) in digests
