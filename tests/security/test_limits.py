"""Each limit that is a setting, over HTTP: what just fits, and what is one too many."""

import itertools
import json
from collections.abc import Iterator

import pytest

from registry.config import Config
from registry.core.admissions import RETRY_SECONDS
from tests.http.conftest import Make
from tests.http.pushes import (
    CONFIG_TYPE,
    LAYER_TYPE,
    Repo,
    at_once,
    basic,
    descriptor,
    document,
    fresh,
    image,
    index,
    port,
    refused,
    staged,
)
from tests.http.raw import Client, get, post
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, PASSWORD, Registry, running

ZEROS = "sha256:" + "0" * 64
BLOB = 3 << 20
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server that takes little of everything."""
    config = Config(
        data=tmp_path_factory.mktemp("limited") / "data",
        admin_password=PASSWORD,
        upload_limit_account=3,
        blob_limit_bytes=BLOB,
        manifest_descriptor_limit=128,
        annotation_limit=16,
        annotation_limit_bytes=4096,
        manifest_depth_limit=16,
    )
    with running(config) as registry:
        yield registry


def repo_of(registry: Registry, user: str = "admin", project: str = "library") -> Repo:
    return fresh(registry, user, project)


def someone(registry: Registry) -> Repo:
    """A repository, and an account that nobody else uses."""
    name = f"user-{next(NUMBERS)}"
    registry.users.create(name, PASSWORD, admin=True)
    return fresh(registry, name, "library")


# Uploads


def test_account_has_so_many_uploads_open_and_not_one_more(limited: Registry) -> None:
    repo = someone(limited)
    uploads = [repo.begin() for _ in range(3)]
    before = staged(limited)
    answer = repo.http.post(repo.url("blobs/uploads/"))
    refused(answer, 429, "TOOMANYREQUESTS")
    assert answer.headers["Retry-After"] == str(RETRY_SECONDS)
    for query in ({"digest": ZEROS}, {"mount": ZEROS}, {"mount": ZEROS, "from": "library/app"}):
        elsewhere = Repo(repo.http, fresh(limited, project="library").name).url("blobs/uploads/")
        refused(repo.http.post(elsewhere, params=query), 429, "TOOMANYREQUESTS")
    assert staged(limited) == before
    assert repo.http.delete(uploads[0]).status_code == 204
    assert repo.http.delete(repo.begin()).status_code == 204
    repo.push_blob(b"also without an upload of its own to begin with")


def test_upload_that_ended_or_expired_is_not_open(make_registry: Make) -> None:
    registry = make_registry(upload_limit_account=1)
    repo = repo_of(registry)
    for content in (b"one", b"two"):
        repo.push_blob(content)
    repo.begin()
    with registry.database.write() as tx:
        tx.exec_driver_sql("UPDATE uploads SET expires_at = 1")
    repo.begin()


def test_uploads_of_one_account_leave_room_for_others_until_the_project_is_full(make_registry: Make) -> None:
    registry = make_registry(upload_limit_account=2, upload_limit_project=3)
    registry.users.create("eve", PASSWORD, admin=True)
    registry.projects.create("another")
    mine, hers = repo_of(registry), repo_of(registry, "eve")
    for repo in (mine, mine, hers):
        repo.begin()
    refused(mine.http.post(mine.url("blobs/uploads/")), 429, "TOOMANYREQUESTS")
    refused(hers.http.post(hers.url("blobs/uploads/")), 429, "TOOMANYREQUESTS")
    repo_of(registry, "eve", "another").begin()


def test_of_many_that_begin_at_once_no_more_than_allowed_get_in(limited: Registry) -> None:
    repo = someone(limited)
    answers = at_once(*[lambda: repo.http.post(repo.url("blobs/uploads/")).status_code] * 12)
    assert sorted(answers) == [202] * 3 + [429] * 9


# Blobs


def test_blob_of_the_greatest_size_is_taken_and_one_byte_more_is_not(limited: Registry) -> None:
    repo = repo_of(limited)
    repo.push_blob(b"x" * BLOB)
    before = staged(limited)
    answer = repo.http.post(repo.url("blobs/uploads/"), params={"digest": ZEROS}, content=b"x" * (BLOB + 1))
    refused(answer, 413, "SIZE_INVALID")
    assert staged(limited) == before


@pytest.mark.parametrize("pieces", [[BLOB + 1], [BLOB, 1], [1, BLOB - 1, 1]])
def test_upload_that_grows_too_large_has_ended(limited: Registry, pieces: list[int]) -> None:
    repo, before = repo_of(limited), staged(limited)
    upload = repo.begin()
    for size in pieces[:-1]:
        assert repo.patch(upload, b"x" * size).status_code == 202
    refused(repo.patch(upload, b"x" * pieces[-1]), 413, "SIZE_INVALID")
    assert repo.offset(upload) is None
    assert staged(limited) == before


def test_large_blob_of_unknown_length_is_noticed_while_it_comes(limited: Registry) -> None:
    before = staged(limited)
    upload = repo_of(limited).begin()
    with Client(port(limited)) as client:
        client.send(post(upload, basic(), "Transfer-Encoding: chunked").replace(b"POST", b"PATCH", 1))
        client.send_until_refused(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n", 20)
        answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert staged(limited) == before


def test_large_blob_is_refused_before_it_is_sent(limited: Registry) -> None:
    upload, length = repo_of(limited).begin(), f"Content-Length: {BLOB + 1}"
    with Client(port(limited)) as client:
        client.send(post(upload, basic(), length, "Expect: 100-continue").replace(b"POST", b"PATCH", 1))
        assert client.answer().status == 413


# Manifests


@pytest.mark.parametrize("kind", ["layers", "manifests"])
def test_manifest_names_as_much_as_allowed_and_not_more(limited: Registry, kind: str) -> None:
    repo = repo_of(limited)
    repo.push_image("1")

    def naming(count: int) -> tuple[bytes, str]:
        if kind == "manifests":
            return index(*[descriptor(image(), MANIFEST_TYPE)] * count), INDEX_TYPE
        layers = [descriptor(b"layer", LAYER_TYPE)] * count
        return document(mediaType=MANIFEST_TYPE, config=descriptor(b"{}", CONFIG_TYPE), layers=layers), MANIFEST_TYPE

    assert repo.put("2", *naming(128)).status_code == 201
    refused(repo.put("3", *naming(129)), 400, "MANIFEST_INVALID")


def test_annotations_are_as_many_as_allowed_and_not_more(limited: Registry) -> None:
    repo = repo_of(limited)
    repo.push_image("1", annotations={f"a{number}": "x" for number in range(16)})
    refused(repo.put("2", image(annotations={f"a{number}": "x" for number in range(17)})), 400, "MANIFEST_INVALID")


def test_annotations_are_as_large_as_allowed_and_not_larger(limited: Registry) -> None:
    repo = repo_of(limited)
    repo.push_image("1", annotations={"a": "x" * 4095})
    refused(repo.put("2", image(annotations={"a": "x" * 4096})), 400, "MANIFEST_INVALID")


def test_manifest_is_nested_as_deep_as_allowed_and_not_deeper(limited: Registry) -> None:
    repo = repo_of(limited)

    def nested(levels: int) -> bytes:
        return document(**json.loads(image()) | {"other": json.loads("[" * (levels - 1) + "]" * (levels - 1))})

    repo.image()
    assert repo.put("1", nested(16)).status_code == 201
    refused(repo.put("2", nested(17)), 400, "MANIFEST_INVALID")


# Passwords


def test_wrong_passwords_are_free_as_often_as_allowed(make_registry: Make) -> None:
    registry = make_registry(login_limit=2, login_limit_address=3)
    wrong = registry.client("admin", "Wrong-horse1")
    statuses = [wrong.get("/v2/").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    others = [registry.client(f"user{number}", "Wrong-horse1").get("/v2/").status_code for number in range(2)]
    assert others == [401, 429]


def test_wrong_passwords_are_forgotten_after_the_time_allowed(make_registry: Make) -> None:
    registry = make_registry(login_limit=1, login_window_seconds=100)
    wrong = registry.client("admin", "Wrong-horse1")
    assert [wrong.get("/v2/").status_code for _ in range(2)] == [401, 429]
    with registry.database.write() as tx:
        tx.exec_driver_sql("UPDATE login_failures SET first_at = first_at - 100000, last_at = last_at - 100000")
    assert wrong.get("/v2/").status_code == 401


# What no setting is for, since the standard or the protocol gives the number


@pytest.mark.parametrize(
    ("query", "status"),
    [("n=0", 200), ("n=1000", 200), ("n=1000000000", 200), ("n=-1", 400), ("n=abc", 400), ("n=1.5", 400),
     ("n=99999999999999999999", 400), ("n=", 400), ("n=%201", 400), ("n=1e3", 400), ("n=0x10", 400)],
)  # fmt: skip
@pytest.mark.parametrize("list_", ["_catalog", "library/app/tags/list", "library/app/referrers/sha256:" + "0" * 64])
def test_page_is_never_larger_than_a_thousand(registry: Registry, list_: str, query: str, status: int) -> None:
    registry.push_image("library/app", "1")
    answer = fresh(registry).http.get(f"/v2/{list_}?{query}")
    assert answer.status_code == status
    if query == "n=0":
        assert "Link" not in answer.headers


def test_header_field_of_a_token_that_is_too_long_is_no_token(registry: Registry) -> None:
    with Client(port(registry)) as client:
        client.send(get("/v2/", "Authorization: Bearer " + "x" * 8193))
        assert client.answer().status == 401
