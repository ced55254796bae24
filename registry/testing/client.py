"""A client of a registry for tests: whole images in, whole images out (OCI distribution spec).

It sends a name and a password with each request, which Cove takes in place of a token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from registry.oci.media_types import INDEX_TYPES, MANIFEST_TYPES
from registry.oci.names import Reference, RepositoryName
from registry.testing.images import Image, Index, Layer
from storage.digest import Digest

SECONDS = 60
_ACCEPT = ", ".join(sorted(MANIFEST_TYPES))


class ClientError(Exception):
    """The registry refused: with a status, a code of the OCI error list or "", and its sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was pushed: `name` is what `docker pull` takes, and `by_digest` that of exactly this content."""

    name: str
    digest: Digest

    @property
    def by_digest(self) -> str:
        address, _, rest = self.name.partition("/")
        return f"{address}/{_parse(rest)[0]}@{self.digest}"


class Client:
    """Names are `PROJECT/REPOSITORY:TAG` or `...@DIGEST`, with or without the registry's address before them.

    Without a tag it is `latest`. Whatever the registry refuses raises `ClientError`, and a name that cannot be read
    `NameInvalid`, `TagInvalid` or `DigestInvalid` of `registry.errors`.
    """

    def __init__(self, url: str, *, username: str = "", password: str = "") -> None:
        self.url = url
        self.address = urlsplit(url).netloc
        self._http = httpx.Client(base_url=url, auth=(username, password) if username else None, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def push(self, content: Image | Index, name: str) -> Pushed:
        """Push an image, or an index with its images."""
        repository, reference = self._named(name)
        if isinstance(content, Index):
            for image in content.images:
                self._push_image(image, repository, str(image.digest))
            self._put(content, repository, str(reference))
        else:
            self._push_image(content, repository, str(reference))
        return Pushed(f"{self.address}/{repository.at(str(reference))}", content.digest)

    def pull(self, name: str, *, platform: str = "linux/amd64") -> Image:
        """An image whole; of an index that for `platform`. Raises `LookupError` for an index that has none."""
        repository, reference = self._named(name)
        answer = self._manifest(repository, str(reference))
        if answer.headers["Content-Type"] in INDEX_TYPES:
            answer = self._manifest(repository, _entry_for(platform, answer.json()["manifests"])["digest"])
        document = answer.json()
        layers = (Layer(self.blob(str(repository), each["digest"]), each["mediaType"]) for each in document["layers"])
        config = self.blob(str(repository), document["config"]["digest"])
        return Image(answer.content, config, tuple(layers), answer.headers["Content-Type"])

    def digest(self, name: str) -> Digest | None:
        """The digest that a tag points to, or None where there is no such image."""
        repository, reference = self._named(name)
        answer = self._http.head(f"/v2/{repository}/manifests/{reference}", headers={"Accept": _ACCEPT})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return Digest.parse(_good(answer).headers["Docker-Content-Digest"])

    def manifest(self, name: str) -> bytes:
        """The manifest of an image or an index, byte for byte."""
        repository, reference = self._named(name)
        return self._manifest(repository, str(reference)).content

    def blob(self, repository: str, digest: Digest | str) -> bytes:
        """Raises `ValueError` when the bytes are not those of the digest."""
        content = _good(self._http.get(f"/v2/{repository}/blobs/{digest}", follow_redirects=True)).content
        if Digest.of(content, str(digest).partition(":")[0]) != Digest.parse(str(digest)):
            raise ValueError(f"what came as {digest} is something else")
        return content

    def push_blob(self, repository: str, content: bytes) -> Digest:
        """Push content that no image need name; nothing is sent where the repository has it."""
        digest = Digest.of(content)
        if self._http.head(f"/v2/{repository}/blobs/{digest}").status_code != httpx.codes.OK:
            where, chosen = f"/v2/{repository}/blobs/uploads/", {"digest": str(digest)}
            _good(self._http.post(where, params=chosen, content=content))
        return digest

    def delete(self, name: str) -> None:
        """Delete a tag, or by a digest the image with all its tags."""
        repository, reference = self._named(name)
        _good(self._http.delete(f"/v2/{repository}/manifests/{reference}"))

    def tags(self, repository: str) -> list[str]:
        return self._listed(f"/v2/{repository}/tags/list", "tags")

    def repositories(self) -> list[str]:
        return self._listed("/v2/_catalog", "repositories")

    def _named(self, name: str) -> tuple[RepositoryName, Reference]:
        return _parse(name.removeprefix(f"{self.address}/"))

    def _push_image(self, image: Image, repository: RepositoryName, reference: str) -> None:
        for content in (image.config, *(layer.content for layer in image.layers)):
            self.push_blob(str(repository), content)
        self._put(image, repository, reference)

    def _put(self, content: Image | Index, repository: RepositoryName, reference: str) -> None:
        where, headers = f"/v2/{repository}/manifests/{reference}", {"Content-Type": content.media_type}
        _good(self._http.put(where, content=content.manifest, headers=headers))

    def _manifest(self, repository: RepositoryName, reference: str) -> httpx.Response:
        return _good(self._http.get(f"/v2/{repository}/manifests/{reference}", headers={"Accept": _ACCEPT}))

    def _listed(self, where: str, key: str) -> list[str]:
        """All pages of a list (section "Listing Tags")."""
        found: list[str] = []
        following: str | None = where
        while following:
            answer = _good(self._http.get(following))
            found += answer.json()[key]
            following = answer.links.get("next", {}).get("url")
        return found


def _parse(name: str) -> tuple[RepositoryName, Reference]:
    path, at, digest = name.partition("@")
    if at:
        return RepositoryName.parse(path), Reference.parse(digest)
    repository, _, tag = name.partition(":")
    return RepositoryName.parse(repository), Reference.parse(tag or "latest")


def _entry_for(platform: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    for entry in entries:
        named = entry.get("platform", {})
        if platform == "/".join(filter(None, (named.get(part) for part in ("os", "architecture", "variant")))):
            return entry
    raise LookupError(f"the index has no image for {platform}")


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        [error, *_] = answer.json()["errors"]
        code, message = error["code"], error["message"]
    except (ValueError, LookupError, TypeError):
        code, message = "", answer.text or answer.reason_phrase
    raise ClientError(answer.status_code, code, message)
