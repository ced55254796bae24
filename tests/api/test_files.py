"""What is inside an image, as programs ask for it."""

import gzip
import time
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.content import CONFIG, LAYER_TYPE, push, push_index
from tests.http.serving import Registry
from tests.oci.tar_files import layer, member

HERE = "projects/team/repositories/inside/artifacts"
BASE = gzip.compress(
    layer(member("etc/hosts", b"one"), member("etc/old", b"22"), member("lib/apk/db/installed", b"P:musl\nV:1\n"))
)
TOP = layer(member("etc/.wh.old"), member("lib/apk/db/installed", b"P:musl\nV:2\n"), member("app/run", b"12345"))


@pytest.fixture(scope="module", autouse=True)
def _images(registry: Registry) -> None:
    first = push(registry, "team/inside", "1", layers={BASE: LAYER_TYPE})
    push(
        registry,
        "team/inside",
        "2",
        config=CONFIG | {"config": {"Env": ["A=2"]}},
        layers=dict.fromkeys((BASE, TOP), LAYER_TYPE),
    )
    push(registry, "team/inside", "broken", layers={b"no archive" * 100: LAYER_TYPE})
    odd = first | {"platform": {"os": "unknown", "architecture": "unknown"}}
    push_index(registry, "team/inside", "all", odd, first | {"platform": {"os": "linux", "architecture": "arm64"}})


def ready(api: Api, path: str) -> Any:
    """The answer, once everything has been read."""
    for _ in range(300):
        response = api("gus").get(f"{HERE}/{path}")
        assert response.status_code == 200, response.text
        if response.json()["is_ready"]:
            return response.json()
        time.sleep(0.1)
    raise AssertionError("it was not read")


def test_image_that_has_not_been_read_yet_says_so_and_is_read(api: Api) -> None:
    response = api("gus").get(f"{HERE}/2/additions/files").json()
    assert [each["status"] for each in response["layers"]] in (["waiting"] * 2, ["ready"] * 2)
    assert ready(api, "2/additions/files")["files"] == [
        {"name": "app", "kind": "folder", "total": 5, "layer": 1},
        {"name": "etc", "kind": "folder", "total": 3, "layer": 0},
        {"name": "lib", "kind": "folder", "total": 11, "layer": 0},
    ]


def test_layers_tell_what_they_changed_and_what_of_them_is_wasted(api: Api) -> None:
    found = ready(api, "2/additions/files")
    told = [{name: each.get(name) for name in ("added", "changed", "removed", "wasted")} for each in found["layers"]]
    assert told == [
        {"added": 7, "changed": None, "removed": None, "wasted": 13},
        {"added": 2, "changed": 1, "removed": 1, "wasted": None},
    ]
    assert (found["total"], found["wasted"]) == (19, 13)
    assert ready(api, "2/additions/files?layer=1")["changes"] == [
        {"path": "app", "change": "added"},
        {"path": "app/run", "change": "added", "size": 5},
        {"path": "etc/old", "change": "removed"},
        {"path": "lib/apk/db/installed", "change": "changed", "size": 11},
    ]


def test_folder_is_told_in_pages(api: Api) -> None:
    ready(api, "1/additions/files")
    response = api("gus").get(f"{HERE}/1/additions/files?path=/etc/&page=2&page_size=1")
    assert [each["name"] for each in response.json()["files"]] == ["old"]
    assert response.headers["x-total-count"] == "2"
    assert 'page=1&page_size=1>; rel="prev"' in response.headers["link"]


def test_index_stands_for_its_first_platform(api: Api) -> None:
    assert ready(api, "all/additions/files")["digest"] == ready(api, "1/additions/files")["digest"]


def test_layer_that_is_no_archive_says_why(api: Api) -> None:
    [told] = ready(api, "broken/additions/files")["layers"]
    assert told["status"] == "unreadable"
    assert "no tar archive" in told["reason"]


def test_images_differ_in_what_is_told(api: Api) -> None:
    found = ready(api, "1/additions/difference?with=2")
    assert found["settings"] == [{"name": "Env", "before": ["A=1"], "after": ["A=2"]}]
    assert found["packages"] == [{"name": "musl", "before": "1", "after": "2"}]
    assert (found["layers_before"], len(found["layers_after"])) == ([], 1)
    assert [(each["path"], "before" in each, "after" in each) for each in found["files"]] == [
        ("app/run", False, True),
        ("etc/old", True, False),
        ("lib/apk/db/installed", True, True),
    ]
    below = ready(api, "1/additions/difference?with=2&path=app")["files"]
    assert below == [{"path": "app/run", "after": {"kind": "file", "mode": 0o644, "size": 5}}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none/additions/files", 404),
        ("1/additions/files?path=etc/hosts", 404),
        ("1/additions/files?layer=9", 404),
        ("1/additions/files?layer=x", 400),
        ("1/additions/difference?with=none", 404),
        ("1/additions/difference", 400),
    ],
)
def test_what_is_not_there_is_refused(api: Api, path: str, status: int) -> None:
    ready(api, "1/additions/files")
    assert api("gus").get(f"{HERE}/{path}").status_code == status


def test_files_of_a_private_project_are_for_its_members(api: Api) -> None:
    for path in ("1/additions/files", "1/additions/difference?with=2"):
        assert api("stan").get(f"{HERE}/{path}").status_code in (403, 404)
        assert api(None).get(f"{HERE}/{path}").status_code == 401
