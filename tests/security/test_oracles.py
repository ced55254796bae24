"""What is not one's business looks like nothing, also from what the server does about it.

Times are not compared, since they tell of the machine: what takes time is, which are statements of SQL, calls of the
store and hashes of passwords.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth import passwords
from auth.passwords import PasswordChecker
from registry.config import Config
from storage.digest import Digest
from storage.disk import DiskStore
from tests.http.pushes import Repo, codes, descriptor, document, fresh, image
from tests.http.serving import MANIFEST_TYPE, PASSWORD, Registry, populate, running
from tests.security.statements import statements_of, without_background_work

SECRET = b"what only the project `team` has"
NEVER = b"what nobody ever pushed, of 32 b"
STORE_CALLS = [name for name, value in vars(DiskStore).items() if callable(value) and not name.startswith("_")]


@dataclass
class Work:
    """What the server did."""

    statements: list[str]
    calls: Counter[str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD, gc_seconds=0)
    with without_background_work(), running(config) as running_registry:
        yield from _populated(running_registry)


def _populated(registry: Registry) -> Iterator[Registry]:
    populate(registry)
    Repo(registry.client("admin"), "team/secret").push("1", _image(registry))
    yield registry


def _image(registry: Registry) -> bytes:
    return Repo(registry.client("admin"), "team/secret").image(SECRET)


@pytest.fixture
def watched(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], Any]], Work]]:
    """Tells what the server does while something is asked of it."""
    calls = Counter[str]()

    def counted(name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*given: Any, **named: Any) -> Any:
            calls[name] += 1
            return inner(*given, **named)

        return outer

    for name in STORE_CALLS:
        monkeypatch.setattr(DiskStore, name, counted(name, getattr(DiskStore, name)))
    monkeypatch.setattr(PasswordChecker, "_compute", counted("hash", PasswordChecker._compute))

    with statements_of(registry) as statements:

        def watch(ask: Callable[[], Any]) -> Work:
            statements.clear()
            calls.clear()
            ask()
            return Work([text for text, _ in statements], Counter(calls))

        yield watch


Watched = Callable[[Callable[[], Any]], Work]


def told(response: httpx.Response) -> tuple[int, list[str], dict[str, str]]:
    """What an answer tells, without what is different in each."""
    own = {"date", "x-request-id", "location", "docker-upload-uuid", "content-length"}
    headers = {name: value for name, value in response.headers.items() if name not in own}
    return response.status_code, codes(response) if response.content else [], headers


def must_look_alike(watched: Watched, one: Callable[[], httpx.Response], other: Callable[[], httpx.Response]) -> None:
    one(), other()  # whatever is done once, such as signing in, is done
    answers: list[httpx.Response] = []
    first, second = watched(lambda: answers.append(one())), watched(lambda: answers.append(other()))
    assert told(answers[0]) == told(answers[1])
    assert first == second
    assert first.statements


def test_tools_of_these_tests_see_a_difference(registry: Registry, watched: Watched) -> None:
    repo = Repo(fresh(registry).http, "team/secret")
    found = watched(lambda: repo.blob(Digest.of(SECRET)))
    missing = watched(lambda: repo.blob(Digest.of(NEVER)))
    assert found.calls["open"] == 1
    assert not missing.calls
    wrong = watched(lambda: registry.client("admin", "Wrong-horse1").get("/v2/"))
    assert wrong.calls["hash"] == 1


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_blob_of_another_project_looks_like_none(registry: Registry, watched: Watched, method: str) -> None:
    repo = Repo(fresh(registry, "stan", "other").http, "other/probe")
    repo.push_image("1")

    def ask(content: bytes) -> Callable[[], httpx.Response]:
        return lambda: repo.http.request(method, repo.url(f"blobs/{Digest.of(content)}"))

    must_look_alike(watched, ask(SECRET), ask(NEVER))


@pytest.mark.parametrize("source", ["team/secret", "team/none", "none/none", None])
def test_mount_of_a_blob_of_another_project_looks_like_that_of_none(
    registry: Registry, watched: Watched, source: str | None
) -> None:
    """CVE-2024-39897, and its quieter form: an upload begins either way, but the store was asked of the blob."""
    repo = Repo(fresh(registry, "stan", "other").http, "other/probe")
    repo.push_image("1")

    def ask(content: bytes) -> Callable[[], httpx.Response]:
        query = {"mount": str(Digest.of(content))} | ({"from": source} if source else {})
        return lambda: repo.http.post(repo.url("blobs/uploads/"), params=query)

    must_look_alike(watched, ask(SECRET), ask(NEVER))
    assert ask(SECRET)().status_code == 202


def test_manifest_that_names_a_blob_of_another_project_is_refused_as_for_none(
    registry: Registry, watched: Watched
) -> None:
    repo = Repo(fresh(registry, "stan", "other").http, "other/probe")
    repo.push_image("1")

    def ask(content: bytes) -> Callable[[], httpx.Response]:
        return lambda: repo.put("2", image(content))

    must_look_alike(watched, ask(SECRET), ask(NEVER))
    assert ask(SECRET)().json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"


def test_index_that_names_a_manifest_of_another_project_is_told_that_it_is_missing(
    registry: Registry, watched: Watched
) -> None:
    repo = Repo(fresh(registry, "stan", "other").http, "other/probe")
    repo.push_image("1")

    def ask(child: bytes) -> Callable[[], httpx.Response]:
        content = document(
            mediaType="application/vnd.oci.image.index.v1+json", manifests=[descriptor(child, MANIFEST_TYPE)]
        )
        return lambda: repo.put("2", content, "application/vnd.oci.image.index.v1+json")

    foreign, none = _image(registry), image(NEVER)
    assert ask(foreign)().headers["warning"].startswith("299")
    assert ask(none)().headers["warning"].startswith("299")
    assert repo.manifest(Digest.of(foreign)).status_code == 404


@pytest.mark.parametrize("user", ["stan", None])
@pytest.mark.parametrize("rest", ["tags/list", "manifests/1", "blobs/uploads/x", "referrers/sha256:" + "0" * 64])
def test_private_project_looks_like_none(registry: Registry, watched: Watched, user: str | None, rest: str) -> None:
    http = fresh(registry, user).http if user else registry.client()

    def ask(project: str) -> Callable[[], httpx.Response]:
        return lambda: http.get(f"/v2/{project}/secret/{rest}")

    one, other = ask("team")(), ask("nono")()
    assert one.text.replace("team", "nono") == other.text
    assert (one.status_code, one.headers.get("www-authenticate", "").replace("team", "nono")) == (
        other.status_code,
        other.headers.get("www-authenticate", ""),
    )
    work = watched(ask("team")), watched(ask("nono"))
    assert work[0] == work[1]


def test_token_for_a_private_project_looks_like_that_for_none(registry: Registry, watched: Watched) -> None:
    http = fresh(registry, "stan").http

    def ask(project: str) -> Callable[[], httpx.Response]:
        return lambda: http.get("/service/token", params={"scope": f"repository:{project}/secret:pull,push"})

    answers = [ask(project)().json() for project in ("team", "nono")]
    assert watched(ask("team")) == watched(ask("nono"))
    assert answers[0]["scope"] == answers[1]["scope"] == ""
    assert len(answers[0]["token"]) == len(answers[1]["token"])


@pytest.mark.parametrize("way", ["basic", "get", "post"])
def test_unknown_and_disabled_accounts_cost_what_a_wrong_password_costs(
    registry: Registry, watched: Watched, way: str
) -> None:
    registry.users.create(f"gone-{way}", PASSWORD)
    registry.users.disable(f"gone-{way}")
    registry.users.create(f"here-{way}", PASSWORD)

    def ask(name: str) -> httpx.Response:
        if way == "post":
            form = {"grant_type": "password", "username": name, "password": "Wrong-horse1", "service": "cove"}
            return httpx.post(f"{registry.url}/service/token", data=form)
        path = "/v2/" if way == "basic" else "/service/token"
        return httpx.get(registry.url + path, auth=(name, "Wrong-horse1"))

    answers: dict[str, httpx.Response] = {}

    def keep(name: str) -> None:
        answers[name] = ask(name)

    work = [watched(partial(keep, name)) for name in (f"gone-{way}", f"here-{way}", f"none-{way}")]
    assert work[0] == work[1] == work[2]
    assert work[0].calls["hash"] == 1
    assert len({answer.text for answer in answers.values()}) == 1
    assert {answer.status_code for answer in answers.values()} == {401}


def test_hash_that_stands_for_nobody_costs_as_much_as_one_of_an_account() -> None:
    """The same algorithm with the same parameters, and so the same work."""
    dummy, real = PasswordChecker()._dummy, passwords.hash_password(PASSWORD)
    assert dummy.split("$")[:4] == real.split("$")[:4]
    assert Path(passwords.__file__).read_text().count("_CONTEXT.hash") == 1
