"""Paths that lead elsewhere: what is asked for never decides which file is opened.

Python tells of every file that it is about to open, whichever thread and whichever call opens it (PEP 578).
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.config import Config
from storage.digest import Digest
from tests.http.pushes import ABSENT, Repo, basic, document, fresh, objects, port
from tests.http.raw import Client
from tests.http.serving import PASSWORD, Registry, populate, running
from tests.security.statements import without_background_work

LOCAL = b"what a file beside the data has"

# Ways to write "the folder above", and other things that parsers of paths disagree about.
UP = [
    "..", "%2e%2e", "%2E%2E", ".%2e", "%252e%252e", "..;", "..%00", "..%0a", "..%09", "%c0%ae%c0%ae", "%e0%80%ae",
    "..%c0%af", "..%5c", "..\\", "%2e%2e%5c", "..%2f", "..%252f", "....", "..%ef%bc%8f", "%uff0e%uff0e", "..%u2215",
    "%f0%80%80%ae", "..%0d%0a", "..%20", "..%3f", "..%23", "...", "..|", "~", "file:", "C:", "%00",
]  # fmt: skip
TARGETS = ["/etc/passwd", "/beside", "/data/cove.db", "%2fetc%2fpasswd", "\\..\\beside"]
SHAPES = [
    "{up}{target}",
    "/{up}/{up}/{up}/{up}{target}",
    "//{up}{target}",
    "///{up}///{up}{target}",
    "/%2F%2F%2F{up}%2F{up}{target}",
    "/v2/{up}{target}",
    "/v2/team/{up}/{up}{target}",
    "/v2/team/app/manifests/{up}{target}",
    "/v2/team/app/blobs/{up}{target}",
    "/v2/team/app/blobs/sha256:{up}{target}",
    "/v2/team/app/blobs/uploads/{up}{target}",
    "/v2/team/app/referrers/{up}{target}",
    "/v2/team/app/tags/list/{up}{target}",
    "/service/token/{up}{target}",
    "/metrics/{up}{target}",
    "http://{up}{target}",
    "@{up}{target}",
]
QUERIES = [
    ("GET", "/v2/_catalog?n=1&last={up}{target}"),
    ("GET", "/v2/team/app/tags/list?n=1&last={up}{target}"),
    ("POST", "/v2/team/app/blobs/uploads/?mount={up}{target}"),
    ("POST", "/v2/team/app/blobs/uploads/?mount={digest}&from={up}{target}"),
    ("POST", "/v2/team/app/blobs/uploads/?digest={up}{target}"),
    ("PUT", "/v2/team/app/blobs/uploads/x?digest={up}{target}"),
    ("PUT", "/v2/team/app/manifests/{digest}?tag={up}{target}"),
]


class Opened:
    """Paths that this process opens, told by an audit hook, which can be silenced but not removed."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.listening = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.listening and event in ("open", "os.listdir", "os.rename", "os.remove", "os.mkdir", "os.link"):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                self.paths.add(os.fsdecode(path))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    (folder / "beside").write_bytes(LOCAL)
    config = Config(data=folder / "data", admin_password=PASSWORD, gc_seconds=0)
    with without_background_work(), running(config) as running_registry:
        populate(running_registry)
        Repo(running_registry.client("admin"), "team/app").push_image("1")
        yield running_registry


@pytest.fixture(scope="module")
def hook() -> Opened:
    return Opened()


@pytest.fixture
def opened(hook: Opened) -> Iterator[Opened]:
    hook.paths.clear()
    hook.listening = True
    yield hook
    hook.listening = False


def outside(opened: Opened, registry: Registry) -> list[str]:
    """What was opened beyond the data folder, but for Python's own modules."""
    folders = (
        registry.config.data,
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        Path(__file__).parents[2],
        "/dev",
        "/proc",
    )
    allowed = tuple(f"{folder}/" for folder in folders)
    return [path for path in opened.paths if not f"{path}/".startswith(allowed)]


def asked(shape: str, up: str, target: str) -> str:
    return shape.format(up=up, target=target, digest=ABSENT)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_spelling_of_another_path_leads_out_of_the_data(registry: Registry, opened: Opened, shape: str) -> None:
    for up in UP:
        for target in TARGETS:
            path = asked(shape, up, target).replace(" ", "%20")
            with Client(port(registry)) as client:
                client.send(f"GET {path} HTTP/1.1\r\nHost: cove\r\n{basic()}\r\n\r\n".encode())
                answer = client.answer()
            assert answer.status in (400, 404, 405), path
            assert LOCAL not in answer.body
            assert b"root:" not in answer.body
    assert outside(opened, registry) == []


@pytest.mark.parametrize(("method", "address"), QUERIES)
def test_no_parameter_leads_out_of_the_data(registry: Registry, opened: Opened, method: str, address: str) -> None:
    for up in UP:
        for target in TARGETS:
            query = asked(address, up, target).replace(" ", "%20")
            with Client(port(registry)) as client:
                fields = f"Host: cove\r\nContent-Length: 0\r\n{basic()}"
                client.send(f"{method} {query} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
                answer = client.answer()
            assert answer.status == 200 if method == "GET" else 400 <= answer.status < 500, query
            assert LOCAL not in answer.body
    assert outside(opened, registry) == []


@pytest.mark.parametrize("field", ["digest", "mediaType", "urls", "annotations", "subject", "artifactType"])
def test_nothing_in_a_manifest_leads_out_of_the_data(registry: Registry, opened: Opened, field: str) -> None:
    """containers/image's CVE-2024-3727 was a digest in a manifest, docker-compose's CVE-2025-62725 an annotation."""
    repo = Repo(fresh(registry).http, "team/app")
    for path in (
        "../../../../etc/passwd",
        "sha256:../../beside",
        "file:///etc/passwd",
        "/etc/passwd\x00",
        "..\\beside",
    ):
        values: dict[str, object] = {"urls": [path], "annotations": {path: path}, "subject": {"digest": path}}
        layer = {"mediaType": "a/b", "digest": str(Digest.of(b"layer")), "size": 5, field: values.get(field, path)}
        content = document(
            mediaType="application/vnd.oci.image.manifest.v1+json",
            config={"mediaType": "a/c", "digest": str(Digest.of(b"{}")), "size": 2},
            layers=[layer],
            **({field: values.get(field, path)} if field in ("annotations", "subject", "artifactType") else {}),
        )
        assert repo.put("2", content).status_code in (201, 400)
    assert outside(opened, registry) == []


def test_hook_of_these_tests_hears_what_the_server_opens(registry: Registry, opened: Opened) -> None:
    repo = fresh(registry)
    digest = repo.push_blob(b"content")
    assert repo.blob(digest).content == b"content"
    [path] = objects(registry, digest)
    assert any(heard.endswith(path.name) for heard in opened.paths)
    with (registry.config.data.parent / "beside").open():
        assert outside(opened, registry) == [str(registry.config.data.parent / "beside")]


def test_blob_that_was_replaced_by_a_link_is_not_followed(registry: Registry, opened: Opened) -> None:
    repo = fresh(registry)
    digest = repo.push_blob(LOCAL)
    [path] = objects(registry, digest)
    path.unlink()
    path.symlink_to(registry.config.data.parent / "beside")
    assert repo.blob(digest).status_code == 404
    assert repo.http.head(repo.url(f"blobs/{digest}")).status_code == 404
    assert repo.push_blob(LOCAL) == digest
    assert repo.blob(digest).content == LOCAL
    assert (registry.config.data.parent / "beside").read_bytes() == LOCAL
