"""One field that finds everything, as far as the reader may see it."""

import re

import pytest

from tests.http.serving import Registry
from tests.ui.conftest import Browsers


def found(browsers: Browsers, name: str | None, text: str) -> list[str]:
    """Where the hits lead to, as a script is told of them."""
    response = browsers(name).get("/ui/search", params={"q": text}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return re.findall(r'<li><a href="([^"]+)"', response.text)


def test_part_of_a_name_finds_projects_repositories_people_and_pages(browsers: Browsers) -> None:
    assert {"/ui/projects/team", "/ui/r/team/app"} <= set(found(browsers, "admin", "tea"))
    assert found(browsers, "admin", "mia") == ["/ui/users?q=mia"]
    assert found(browsers, "admin", "storag") == ["/ui/storage"]
    assert found(browsers, "admin", "") == []


def test_nobody_finds_what_they_may_not_see(browsers: Browsers) -> None:
    assert found(browsers, "stan", "team/") == []
    assert found(browsers, "pat", "mia") == []
    assert found(browsers, "pat", "settings") == []
    assert found(browsers, None, "team/") == []
    assert {"/ui/projects/open", "/ui/r/open/deep/app"} <= set(found(browsers, None, "open"))


def test_tag_is_found_by_the_end_of_its_repository_and_its_own_beginning(
    registry: Registry, browsers: Browsers
) -> None:
    for name in ("team/sought", "open/deep/sought"):
        registry.push_image(name, "1.0")
    ours, theirs = "/ui/r/team/sought/-/artifacts/1.0", "/ui/r/open/deep/sought/-/artifacts/1.0"
    assert found(browsers, "dev", "sought:") == [theirs, ours]
    assert found(browsers, "dev", "team/sought:1") == [ours]
    assert found(browsers, "dev", "team/sought:2") == []
    assert found(browsers, "stan", "sought:") == [theirs]


def test_digest_is_found_by_its_beginning_wherever_it_is(registry: Registry, browsers: Browsers) -> None:
    digest = registry.push_image("team/digests", "1", b"one of a kind")
    assert found(browsers, "dev", str(digest)[7:25]) == [f"/ui/r/team/digests/-/artifacts/{digest}"]
    assert found(browsers, "dev", f"team/digests@{digest}") == [f"/ui/r/team/digests/-/artifacts/{digest}"]
    assert found(browsers, "dev", f"open/digests@{digest}") == []
    assert found(browsers, "stan", str(digest)) == []


@pytest.mark.parametrize(
    "text",
    ["docker pull {host}/team/app:1.0", "http://{host}/team/app:1.0", "localhost/team/app:1.0", " team/app:1.0 "],
)
def test_what_clients_print_leads_to_the_artifact(registry: Registry, browsers: Browsers, text: str) -> None:
    text = text.format(host=registry.url.removeprefix("http://"))
    response = browsers("pat").get("/ui/search", params={"q": text})
    assert (response.status_code, response.headers["location"]) == (303, "/ui/r/team/app/-/artifacts/1.0")


@pytest.mark.parametrize("text", ["%", "_", "a\0zz", ":", "@", "a:" * 300, "/", "sha256:", "'--"])
def test_odd_text_finds_nothing_and_breaks_nothing(browsers: Browsers, text: str) -> None:
    assert found(browsers, "admin", text) == []
