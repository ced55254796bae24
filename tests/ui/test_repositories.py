"""The list of a repository's artifacts, narrowed to what people look for when they tidy up."""

import re

import pytest

from registry.ui import lists, repositories
from storage.metadata.tables import manifests
from tests.http.serving import MANIFEST_TYPE, Registry
from tests.ui.conftest import Browsers

TIDY = "/ui/r/team/tidy"


def test_artifacts_are_narrowed_to_untagged_attached_and_unused_ones(registry: Registry, browsers: Browsers) -> None:
    old = registry.push_image("team/tidy", "1", b"old")
    new = registry.push_image("team/tidy", "1", b"new")
    config = registry.push_blob("team/tidy", b"{}")
    signature = (
        f'{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","artifactType":"application/vnd.example.signature",'
        f'"config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config}","size":2}},"layers":[],'
        f'"subject":{{"mediaType":"{MANIFEST_TYPE}","digest":"{new}","size":2}}}}'
    ).encode()
    headers = {"Content-Type": MANIFEST_TYPE}
    pushed = registry.client("admin").put("/v2/team/tidy/manifests/about", content=signature, headers=headers)
    assert pushed.status_code == 201
    about = pushed.headers["docker-content-digest"]

    def listed(show: str) -> set[str]:
        page = browsers("mia").get(TIDY, params={"view": "artifact", "show": show}).text
        return {digest for digest in (str(old), str(new), about) if f'value="{digest}"' in page}

    assert listed("") == listed("nonsense") == {str(old), str(new)}
    assert listed("untagged") == {str(old)}
    assert listed("attached") == {about}
    assert listed("idle") == set()
    with registry.database.write() as tx:
        tx.execute(manifests.update().where(manifests.c.digest == str(old)).values(created_at=1))
    assert listed("idle") == {str(old)}
    assert "Nothing of that kind" in browsers("mia").get("/ui/r/team/app?show=attached").text


def test_tags_stand_in_the_order_of_their_versions(registry: Registry, browsers: Browsers) -> None:
    for tag in ("v1.10", "v1.9", "v1.10-rc.1", "main"):
        registry.push_image("team/versions", tag)
    page = browsers("mia").get("/ui/r/team/versions?view=tag").text
    assert "sort=natural" in page

    def listed(sort: str) -> list[str]:
        page = browsers("mia").get("/ui/r/team/versions", params={"view": "tag", "sort": sort}).text
        return re.findall(r'<a class="name" href="/ui/r/team/versions/-/artifacts/([^"]+)"', page)

    assert listed("natural") == ["v1.9", "v1.10-rc.1", "v1.10", "main"]
    assert listed("-natural") == listed("natural")[::-1]
    tags = "/api/v2.0/projects/team/repositories/versions/artifacts/v1.9/tags?sort=natural"
    assert [tag["name"] for tag in registry.client("mia").get(tags).json()] == listed("natural")


def test_large_repositories_are_counted_no_further_and_not_sorted_by_pulls(
    registry: Registry, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        registry.push_image("team/large", f"v{number}", b"large%d" % number)
        registry.push_image("team/large", "other", b"other%d" % number)
    assert "sort=pull_time" in browsers("mia").get("/ui/r/team/large").text
    for module in (lists, repositories):
        monkeypatch.setattr(module, "MOST", 3)

    def seen(**query: str) -> str:
        return browsers("mia").get("/ui/r/team/large", params=query).text

    for view in ("tag", "artifact"):
        assert "of 3+" in seen(view=view)
        assert "sort=pull_time" not in seen(view=view)
        assert "of 3+" in seen(view=view, q="v", sort="pull_time")
        assert "1 of 1<" in seen(view=view, q="v2")
        assert "Nothing matches" in seen(view=view, q="v9")


def test_filtered_artifacts_are_sorted_and_paged_by_what_all_of_them_are(
    registry: Registry, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        registry.push_image("team/paged", f"a{number}", b"x" * (number + 1))
        registry.push_image("team/paged", f"b{number}", b"y" * (number + 1))
    monkeypatch.setattr(lists, "SIZE", 2)

    def listed(**query: str) -> list[str]:
        page = browsers("mia").get("/ui/r/team/paged", params=query).text
        return re.findall(r'<a [^>]*href="/ui/r/team/paged/-/artifacts/([ab][0-9])"', page)

    assert listed(q="a", sort="-size") == ["a4", "a3"]
    assert listed(q="a", sort="-size", page="3") == ["a0"]
    assert listed(q="a", sort="-size", page="4") == []
    assert listed(q="B", sort="size") == ["b0", "b1"]
    assert listed(view="tag", q="b", sort="-natural", page="2") == ["b2", "b1"]
    assert listed(view="tag", sort="natural", page="5") == ["b3", "b4"]
