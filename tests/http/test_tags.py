from itertools import chain

import pytest

from tests.http.pushes import Repo, fresh, image, next_page, pages, refused
from tests.http.serving import Registry

# Prefixes of each other, and in the order of their bytes, which is neither that of versions nor of dictionaries.
NAMES = sorted(["v1", "v1.0", "v1-a", "v1_a", "v10", "v1.0.0", "V1", "_", "0", "a", "Z", "latest", "v2", "v" * 128])


@pytest.fixture(scope="module")
def repo(registry: Registry) -> Repo:
    repo = fresh(registry)
    repo.image()
    for name in reversed(NAMES):
        repo.push(name, image())
    return repo


def page(repo: Repo, **query: str | int) -> tuple[list[str], str | None]:
    response = repo.http.get(repo.url("tags/list"), params=query)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"name", "tags"}
    assert body["name"] == repo.name
    return body["tags"], next_page(response)


def test_tags_are_listed_in_the_order_of_their_bytes(repo: Repo) -> None:
    assert page(repo) == (NAMES, None)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 14, 15, 10_000, 10**17])
def test_following_the_links_gives_every_tag_once(repo: Repo, size: int) -> None:
    found = [body["tags"] for body in pages(repo.http, repo.url(f"tags/list?n={size}"))]
    assert list(chain(*found)) == NAMES
    assert all(len(tags) <= size for tags in found)
    assert all(found)


@pytest.mark.parametrize("position", range(len(NAMES)))
def test_list_goes_on_after_any_tag(repo: Repo, position: int) -> None:
    assert page(repo, last=NAMES[position]) == (NAMES[position + 1 :], None)


@pytest.mark.parametrize(
    "last", ["v1.", "v1-", "nothing", "", " ", "v1\n", "v1\0", "\N{SNOWMAN}", "a/b", "x" * 5000, "%"]
)
def test_list_goes_on_after_a_text_that_is_no_tag(repo: Repo, last: str) -> None:
    assert page(repo, last=last) == ([name for name in NAMES if name > last], None)


def test_after_the_last_tag_comes_an_empty_list(repo: Repo) -> None:
    assert page(repo, last=NAMES[-1]) == ([], None)
    assert page(repo, last=NAMES[-1], n=5) == ([], None)


def test_page_that_ends_with_the_last_tag_has_no_link(repo: Repo) -> None:
    assert page(repo, n=len(NAMES)) == (NAMES, None)


def test_page_without_entries_is_empty(repo: Repo) -> None:
    assert page(repo, n=0) == ([], None)
    assert page(repo, n=0, last="v1") == ([], None)


BAD_COUNTS = [
    "",
    "-1",
    "+5",
    "1.5",
    "1e3",
    "five",
    " 5",
    "5 ",
    "5\n",
    "0x5",
    "\u0665",
    "1_000",
    "9" * 19,
    "1,2",
    "null",
]


@pytest.mark.parametrize("count", BAD_COUNTS)
@pytest.mark.parametrize("place", ["tags", "catalog", "referrers"])
def test_count_that_is_no_number_is_refused(repo: Repo, place: str, count: str) -> None:
    addresses = {
        "tags": repo.url("tags/list"),
        "catalog": "/v2/_catalog",
        "referrers": repo.url(f"referrers/sha256:{'0' * 64}"),
    }
    refused(repo.http.get(addresses[place], params={"n": count}), 400, "PAGINATION_NUMBER_INVALID")


def test_list_of_a_repository_that_was_never_pushed_to_is_404(registry: Registry) -> None:
    repo = fresh(registry)
    refused(repo.http.get(repo.url("tags/list")), 404, "NAME_UNKNOWN")


def test_list_of_a_repository_with_nothing_but_blobs_is_404(registry: Registry) -> None:
    repo = fresh(registry)
    repo.image()
    refused(repo.http.get(repo.url("tags/list")), 404, "NAME_UNKNOWN")


def test_list_of_a_repository_without_tags_is_empty(registry: Registry) -> None:
    repo = fresh(registry)
    digest = repo.push_image("v1")
    repo.http.delete(repo.url("manifests/v1"))
    assert page(repo) == ([], None)
    repo.http.delete(repo.url(f"manifests/{digest}"))
    refused(repo.http.get(repo.url("tags/list")), 404, "NAME_UNKNOWN")


def test_tag_set_and_removed_between_two_pages_disturbs_neither(registry: Registry) -> None:
    repo = fresh(registry)
    for name in ("a", "b", "d"):
        repo.push_image(name)
    assert page(repo, n=2)[0] == ["a", "b"]
    repo.http.delete(repo.url("manifests/b"))
    repo.push_image("c")
    assert page(repo, n=2, last="b")[0] == ["c", "d"]


def test_head_of_a_list_has_no_content(repo: Repo) -> None:
    response = repo.http.head(repo.url("tags/list"))
    assert (response.status_code, response.content) == (200, b"")
