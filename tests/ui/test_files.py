"""What is inside an image, on the page."""

import pytest

from tests.api.content import LAYER_TYPE, push
from tests.http.serving import Registry
from tests.ui.conftest import Browsers
from tests.ui.screens import push_layers

HERE = "/ui/r/team/files/-/artifacts"


@pytest.fixture(scope="module", autouse=True)
def _images(registry: Registry) -> None:
    push_layers(registry, "team/files")


def test_folder_is_shown_with_sizes_and_what_is_wasted(browsers: Browsers) -> None:
    page = browsers("gus").get(f"{HERE}/4/files").text
    assert f'href="{HERE}/4/files?path=usr"' in page
    assert page.index("path=usr") < page.index("path=lib"), "the largest comes first"
    assert '<span title="2,032 B">2.0 KiB</span></strong>' in page
    below = browsers("gus").get(f"{HERE}/4/files?path=usr/sbin").text
    assert "nginx" in below
    assert f'href="{HERE}/4/files?path=usr/sbin"' in below


def test_layer_is_shown_with_what_it_did(browsers: Browsers) -> None:
    page = browsers("gus").get(f"{HERE}/4/files?layer=1").text
    for change, path in (("added", "usr/share/nginx/html/index.html"), ("removed", "etc/nginx/nginx.conf")):
        assert f"<code>{path}</code>" in page
        assert f">{change}</span>" in page


def test_layer_that_cannot_be_read_says_why(browsers: Browsers) -> None:
    assert "no tar archive" in browsers("gus").get(f"{HERE}/odd/files").text


def test_image_that_is_being_read_says_so_without_javascript_too(registry: Registry, browsers: Browsers) -> None:
    push(registry, "team/files", "waiting", layers={b"%d" % number: LAYER_TYPE for number in range(3)})
    page = browsers("gus").get(f"{HERE}/waiting/files")
    assert page.status_code == 200
    assert "Look again" in page.text


def test_two_images_are_compared(browsers: Browsers) -> None:
    asked = browsers("gus").get(f"{HERE}/3/compare").text
    assert '<option value="4">' in asked
    page = browsers("gus").get(f"{HERE}/3/compare?with=4").text
    assert "1.2.4-r2" in page
    assert "1.2.5-r0" in page
    assert "<code>usr/share/nginx/html/index.html</code>" in page
    assert "<summary><code>API_TOKEN=••••</code></summary>" in page
    assert "zlib" not in page


@pytest.mark.parametrize("other", ["none", "sha256:1", "!"])
def test_what_is_not_there_cannot_be_compared_with(browsers: Browsers, other: str) -> None:
    page = browsers("gus").get(f"{HERE}/3/compare", params={"with": other})
    assert page.status_code == 422
    assert "There is no such tag or digest" in page.text


@pytest.mark.parametrize("query", ["?path=nowhere", "?layer=7", "?layer=x"])
def test_what_an_image_has_not_is_not_found(browsers: Browsers, query: str) -> None:
    assert browsers("gus").get(f"{HERE}/4/files{query}").status_code == 404


def test_files_of_a_private_project_are_for_its_members(browsers: Browsers) -> None:
    for address in ("4/files", "3/compare?with=4"):
        assert browsers("stan").get(f"{HERE}/{address}").status_code == 404
        assert browsers(None).get(f"{HERE}/{address}").status_code == 303
