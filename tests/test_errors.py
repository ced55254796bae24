"""Every error that clients can meet, met over HTTP, in the one shape that they parse."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, event

from registry.config import MANIFEST_FLOOR, Config
from registry.errors import RegistryError
from registry.web import is_managing
from storage.blobs import StoreFull
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import database, sqlite_engines
from tests.http.serving import MANIFEST_TYPE, PASSWORD, Registry, image_manifest, populate, running

ROOT = Path(__file__).parent
DIGEST = "sha256:" + "0" * 64
NONE = Digest.parse(DIGEST)
API = "/api/v2.0"
IMAGE = {"Content-Type": MANIFEST_TYPE}


@dataclass(frozen=True)
class Provocation:
    """A request that ends in an error; `user` is nobody when it is None."""

    status: int
    code: str
    method: str
    path: str
    user: str | None = "admin"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


PROVOKED = {
    "NameInvalid": Provocation(400, "NAME_INVALID", "GET", "/v2/team/App/tags/list"),
    "TagInvalid": Provocation(400, "TAG_INVALID", "GET", "/v2/team/app/manifests/-x"),
    "DigestInvalid": Provocation(400, "DIGEST_INVALID", "GET", "/v2/team/app/blobs/sha256:xyz"),
    "SizeInvalid": Provocation(
        400,
        "SIZE_INVALID",
        "POST",
        f"/v2/team/app/blobs/uploads/?digest={DIGEST}",
        headers={"Content-Range": "0-9"},
        content=b"x",
    ),
    "BlobUploadInvalid": Provocation(
        400,
        "BLOB_UPLOAD_INVALID",
        "POST",
        f"/v2/team/app/blobs/uploads/?digest={DIGEST}",
        headers={"Content-Range": "x"},
        content=b"x",
    ),
    "ManifestInvalid": Provocation(
        400, "MANIFEST_INVALID", "PUT", "/v2/team/app/manifests/1", headers=IMAGE, content=b"{}"
    ),
    "PageInvalid": Provocation(400, "PAGINATION_NUMBER_INVALID", "GET", "/v2/_catalog?n=-1"),
    "RequestInvalid": Provocation(400, "UNSUPPORTED", "POST", "/service/token", content=b"grant_type=x"),
    "Unauthorized": Provocation(401, "UNAUTHORIZED", "GET", "/v2/", user=None),
    "Denied": Provocation(403, "DENIED", "GET", "/v2/team/app/tags/list", user="stan"),
    "NotFound": Provocation(404, "NOT_FOUND", "GET", "/nothing"),
    "NameUnknown": Provocation(404, "NAME_UNKNOWN", "GET", "/v2/team/none/tags/list"),
    "ManifestUnknown": Provocation(404, "MANIFEST_UNKNOWN", "GET", "/v2/team/app/manifests/none"),
    "BlobUnknown": Provocation(404, "BLOB_UNKNOWN", "GET", f"/v2/team/app/blobs/{DIGEST}"),
    "BlobUploadUnknown": Provocation(404, "BLOB_UPLOAD_UNKNOWN", "GET", "/v2/team/app/blobs/uploads/none"),
    "ManifestBlobUnknown": Provocation(
        404,
        "MANIFEST_BLOB_UNKNOWN",
        "PUT",
        "/v2/team/app/manifests/1",
        headers=IMAGE,
        content=image_manifest(NONE, 2, NONE, 2),
    ),
    "Unsupported": Provocation(405, "UNSUPPORTED", "POST", "/v2/"),
    "ManifestTooLarge": Provocation(
        413, "SIZE_INVALID", "PUT", "/v2/team/app/manifests/1", headers=IMAGE, content=b"x" * (MANIFEST_FLOOR + 1)
    ),
    "TooManyTags": Provocation(
        414,
        "TAG_INVALID",
        "PUT",
        "/v2/team/app/manifests/{manifest}?" + "&".join(f"tag=t{n}" for n in range(33)),
        headers=IMAGE,
        content=b"{manifest}",
    ),
    "UnsupportedMediaType": Provocation(415, "UNSUPPORTED", "GET", "/v2/", headers={"Content-Encoding": "gzip"}),
    "BadQuery": Provocation(400, "BAD_REQUEST", "GET", f"{API}/projects?q=x"),
    "Forbidden": Provocation(403, "FORBIDDEN", "GET", f"{API}/projects/team", user="stan"),
    "PreconditionFailed": Provocation(412, "PRECONDITION", "DELETE", f"{API}/projects/team"),
    "NotProvided": Provocation(501, "NOT_IMPLEMENTED", "POST", f"{API}/registries", content=b"{}"),
    "Unprocessable": Provocation(
        422, "UNPROCESSABLE_ENTITY", "POST", f"{API}/projects", content=b'{"project_name": 1}'
    ),
    "PageSizeTooLarge": Provocation(422, "UNPROCESSABLE_ENTITY", "GET", f"{API}/projects?page_size=101"),
    "RangeNotSatisfiable": Provocation(
        416, "RANGE_INVALID", "GET", "/v2/team/app/blobs/{layer}", headers={"Range": "bytes=99-"}
    ),
}
ELSEWHERE = {
    "BlobTooLarge": "security/test_limits.py",
    "Conflict": "core/test_users.py",
    "HeadTooLarge": "http/test_guard.py",
    "InsufficientStorage": "test_errors.py",
    "RequestTooSlow": "http/test_guard.py",
    "TargetTooLong": "http/test_guard.py",
    "TooManyRequests": "http/test_throttling.py",
    "Unavailable": "test_errors.py",
    "UploadRangeInvalid": "http/test_uploads.py",
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(
        data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD, manifest_limit_bytes=MANIFEST_FLOOR
    )
    with running(config) as running_registry:
        populate(running_registry)
        running_registry.push_image("team/app", "1")
        yield running_registry


def must_have_the_shape(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.json().keys() == {"errors"}
    for error in response.json()["errors"]:
        assert error.keys() == {"code", "message"} | (set() if is_managing(response.url.path) else {"detail"})
        assert error["code"] == code
        assert len(error["message"]) > 8
    assert ("www-authenticate" in response.headers) == (status == 401)


def send(registry: Registry, provocation: Provocation) -> httpx.Response:
    client = registry.client("admin")
    image = client.get("/v2/team/app/manifests/1")
    names = {"{manifest}": image.headers["docker-content-digest"], "{layer}": image.json()["layers"][0]["digest"]}
    path = provocation.path
    for name, value in names.items():
        path = path.replace(name, value)
    content = image.content if provocation.content == b"{manifest}" else provocation.content
    return registry.client(provocation.user).request(
        provocation.method, path, headers=dict(provocation.headers), content=content
    )


@pytest.mark.parametrize("name", PROVOKED)
def test_error_has_its_status_its_code_and_the_usual_shape(registry: Registry, name: str) -> None:
    provocation = PROVOKED[name]
    must_have_the_shape(send(registry, provocation), provocation.status, provocation.code)


def subclasses() -> dict[str, type[RegistryError]]:
    return {kind.__name__: kind for kind in RegistryError.__subclasses__()}


def test_every_error_is_provoked_here_or_where_it_says() -> None:
    assert PROVOKED.keys() | ELSEWHERE.keys() == subclasses().keys()
    assert not PROVOKED.keys() & ELSEWHERE.keys()
    for name, provocation in PROVOKED.items():
        assert (subclasses()[name].status, subclasses()[name].code) == (provocation.status, provocation.code), name


@pytest.mark.parametrize(("name", "file"), ELSEWHERE.items())
def test_file_that_is_said_to_provoke_an_error_names_it(name: str, file: str) -> None:
    text = (ROOT / file).read_text()
    assert name in text or str(subclasses()[name].status) in text


def test_error_without_a_body_for_head_has_the_status(registry: Registry) -> None:
    response = registry.client("admin").head("/v2/team/app/manifests/none")
    assert (response.status_code, response.content) == (404, b"")


# What the layers below raise


def on_sqlite(tmp_path: Path) -> Config:
    return Config(data=tmp_path / "data", database_url=f"sqlite:///{tmp_path / 'records.db'}", admin_password=PASSWORD)


@contextmanager
def small(tmp_path: Path) -> Iterator[Registry]:
    with running(on_sqlite(tmp_path)) as registry:
        registry.projects.create("team")
        yield registry


def begin(registry: Registry) -> httpx.Response:
    return registry.client("admin").post("/v2/team/app/blobs/uploads/")


def test_full_store_is_507_and_pulls_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_store: DiskStore) -> str:
        raise StoreFull("no space is left")

    with small(tmp_path) as registry:
        digest = registry.push_blob("team/app", b"content")
        monkeypatch.setattr(DiskStore, "stage", full)
        must_have_the_shape(begin(registry), 507, "UNAVAILABLE")
        assert registry.client("admin").get(f"/v2/team/app/blobs/{digest}").content == b"content"


def test_full_disk_of_the_database_is_507_and_pulls_go_on(tmp_path: Path) -> None:
    with small(tmp_path) as registry:
        digest = registry.push_blob("team/app", b"content")

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=1").close()  # as many as there are

    event.listen(Engine, "connect", limit)
    try:
        with running(on_sqlite(tmp_path)) as registry:
            statuses = [begin(registry).status_code for _ in range(60)]
            assert statuses[-1] == 507
            assert set(statuses) <= {202, 507}
            must_have_the_shape(begin(registry), 507, "UNAVAILABLE")
            assert registry.client("admin").get(f"/v2/team/app/blobs/{digest}").content == b"content"
    finally:
        event.remove(Engine, "connect", limit)


def test_database_held_by_another_process_is_503_with_a_time_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with small(tmp_path) as registry:
        driver = sqlite_engines.sqlite_driver()
        with closing(driver.connect(registry.config.database_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            response = begin(registry)
            must_have_the_shape(response, 503, "UNAVAILABLE")
            assert int(response.headers["retry-after"]) > 0
            assert registry.client("admin").get("/v2/team/app/tags/list").status_code == 404
            other.execute("ROLLBACK")
        assert begin(registry).status_code == 202


def test_bug_is_500_without_a_word_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_store: DiskStore) -> str:
        raise ZeroDivisionError("a secret reason")

    with small(tmp_path) as registry:
        monkeypatch.setattr(DiskStore, "stage", broken)
        response = begin(registry)
        must_have_the_shape(response, 500, "UNKNOWN")
        assert "reason" not in response.text
        assert "x-request-id" in response.headers
