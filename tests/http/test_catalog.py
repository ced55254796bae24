from collections.abc import Iterator
from itertools import chain

import pytest

from registry.config import Config
from tests.http.pushes import Repo, fresh, next_page, pages, refused
from tests.http.serving import PASSWORD, Registry, populate, running

TEAM = ["team/a", "team/a-b", "team/a.b", "team/a/b", "team/ab", "team/a_b"]
REPOSITORIES = sorted(["library/hello", "open/thing", "other/thing", *TEAM])


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server with just these repositories, besides one that was given a blob and nothing more."""
    with running(Config(data=tmp_path_factory.mktemp("full") / "data", admin_password=PASSWORD)) as registry:
        populate(registry)
        http = fresh(registry).http
        for name in reversed(REPOSITORIES):
            Repo(http, name).push_image("v1")
        Repo(http, "team/blobs-only").push_blob(b"layer")
        yield registry


def names(registry: Registry, user: str, **query: str | int) -> list[str]:
    response = fresh(registry, user).http.get("/v2/_catalog", params=query)
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"repositories"}
    found: list[str] = response.json()["repositories"]
    return found


def test_administrator_sees_every_repository_that_holds_something(full: Registry) -> None:
    assert names(full, "admin") == REPOSITORIES


@pytest.mark.parametrize(
    ("user", "projects"),
    [
        ("dev", {"library", "open", "team"}),
        ("gus", {"library", "open", "team"}),
        ("stan", {"library", "open", "other"}),
    ],
)
def test_others_see_what_is_public_and_their_own(full: Registry, user: str, projects: set[str]) -> None:
    assert names(full, user) == [name for name in REPOSITORIES if name.split("/")[0] in projects]


@pytest.mark.parametrize("user", ["admin", "dev", "stan"])
@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_following_the_links_gives_every_repository_once(full: Registry, user: str, size: int) -> None:
    found = [body["repositories"] for body in pages(fresh(full, user).http, f"/v2/_catalog?n={size}")]
    assert list(chain(*found)) == names(full, user)
    assert all(len(page) <= size for page in found)


@pytest.mark.parametrize("position", range(len(REPOSITORIES)))
def test_list_goes_on_after_any_name(full: Registry, position: int) -> None:
    assert names(full, "admin", last=REPOSITORIES[position]) == REPOSITORIES[position + 1 :]


@pytest.mark.parametrize("last", ["team/", "../", "\0", "\N{SNOWMAN}", "z" * 5000, "A"])
def test_list_goes_on_after_a_text_that_is_no_name(full: Registry, last: str) -> None:
    assert names(full, "admin", last=last) == [name for name in REPOSITORIES if name > last]


def test_page_without_entries_has_no_link(full: Registry) -> None:
    response = fresh(full).http.get("/v2/_catalog", params={"n": 0})
    assert response.json() == {"repositories": []}
    assert next_page(response) is None


def test_repository_appears_with_its_first_manifest_and_goes_with_its_last(registry: Registry) -> None:
    repo = fresh(registry)
    repo.image()
    assert repo.name not in names(registry, "admin")
    digest = repo.push_image("v1")
    assert repo.name in names(registry, "admin")
    repo.http.delete(repo.url(f"manifests/{digest}"))
    assert repo.name not in names(registry, "admin")


def test_nobody_lists_without_an_account(full: Registry) -> None:
    refused(full.client().get("/v2/_catalog"), 401, "UNAUTHORIZED")
