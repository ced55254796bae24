"""One artifact on the page: who sees it, and what is told of its inside."""

import json
from collections.abc import Mapping

import pytest

from storage.digest import Digest
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry
from tests.ui.conftest import Browsers

CONFIG = {
    "history": [
        {"created_by": "/bin/sh -c #(nop)  ENV A=<b>", "empty_layer": True},
        {"created_by": "RUN make # buildkit"},
    ],
    "config": {"Cmd": ["serve"], "Env": ["PATH=/bin", "DB_PASSWORD=hunter2"]},
}


def push(registry: Registry, reference: str, media_type: str, document: Mapping[str, object]) -> str:
    content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}).encode()
    address = f"/v2/team/inside/manifests/{reference}"
    response = registry.client("admin").put(address, content=content, headers={"Content-Type": media_type})
    assert response.status_code == 201, response.text
    return str(Digest.of(content))


@pytest.fixture(scope="module")
def image(registry: Registry) -> str:
    """The digest of an image that is tagged, platform of an index, and subject of something."""
    config, layer = json.dumps(CONFIG).encode(), b"layer"
    digests = [str(registry.push_blob("team/inside", content)) for content in (config, layer, b"{}")]
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digests[0], "size": len(config)}
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digests[1], "size": len(layer)}]
    notes = {"org.example.note": "<i>kept</i>"}
    document = {"config": described, "layers": layers, "annotations": notes}
    digest = push(registry, "1.0", MANIFEST_TYPE, document)
    size = int(registry.client("admin").head("/v2/team/inside/manifests/1.0").headers["content-length"])
    named = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": size}
    push(registry, "all", INDEX_TYPE, {"manifests": [named | {"platform": {"os": "linux", "architecture": "arm64"}}]})
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digests[2], "size": 2}
    about = {"config": empty, "layers": [empty], "subject": named, "artifactType": "application/spdx+json"}
    push(registry, "bill", MANIFEST_TYPE, about)
    return digest


def test_image_is_told_with_its_commands_layers_and_settings(browsers: Browsers, image: str) -> None:
    page = browsers("gus").get("/ui/r/team/inside/-/artifacts/1.0").text
    for command in ("docker pull", "podman pull", "nerdctl pull", "crictl pull"):
        assert f"{command} 127.0.0.1" in page
    assert "/team/inside:1.0" in page
    assert f"/team/inside@{image}" in page
    assert "ENV A=&lt;b&gt;" in page
    assert "<code>RUN make</code>" in page
    assert "serve" in page
    assert "&lt;i&gt;kept&lt;/i&gt;" in page


def test_variable_named_like_a_secret_is_shown_only_when_asked_for(browsers: Browsers, image: str) -> None:
    page = browsers("gus").get(f"/ui/r/team/inside/-/artifacts/{image}").text
    assert "<summary><code>DB_PASSWORD=••••</code></summary>" in page
    assert "<code>PATH=/bin</code>" in page


def test_index_shows_its_platforms_and_they_show_it(registry: Registry, browsers: Browsers, image: str) -> None:
    index = browsers("gus").get("/ui/r/team/inside/-/artifacts/all").text
    assert "linux/arm64" in index
    assert f"/ui/r/team/inside/-/artifacts/{image}" in index
    parent = registry.client("admin").head("/v2/team/inside/manifests/all").headers["docker-content-digest"]
    page = browsers("gus").get(f"/ui/r/team/inside/-/artifacts/{image}").text
    assert f"/ui/r/team/inside/-/artifacts/{parent}" in page
    assert "application/spdx+json" in page


def test_what_is_no_image_is_pulled_by_oras(browsers: Browsers, image: str) -> None:
    page = browsers("gus").get("/ui/r/team/inside/-/artifacts/bill").text
    assert "oras pull 127.0.0.1" in page
    assert "docker pull" not in page
    assert image


def test_manifest_and_config_are_downloaded_to_the_byte(registry: Registry, browsers: Browsers, image: str) -> None:
    base = f"/ui/r/team/inside/-/artifacts/{image}"
    manifest = browsers("gus").get(f"{base}/manifest.json")
    assert manifest.content == registry.client("admin").get("/v2/team/inside/manifests/1.0").content
    assert manifest.headers["content-disposition"] == 'attachment; filename="manifest.json"'
    assert browsers("gus").get(f"{base}/config.json").json() == CONFIG
    assert browsers("gus").get(f"{base}/other.json").status_code == 404


@pytest.mark.parametrize("reference", ["missing", "sha256:" + "0" * 64])
def test_artifact_that_is_not_there_is_not_found(browsers: Browsers, image: str, reference: str) -> None:
    assert image
    assert browsers("gus").get(f"/ui/r/team/inside/-/artifacts/{reference}").status_code == 404


def test_artifact_of_a_private_project_is_for_its_members(browsers: Browsers, image: str) -> None:
    for address in (image, f"{image}/manifest.json", f"{image}/config.json"):
        assert browsers("stan").get(f"/ui/r/team/inside/-/artifacts/{address}").status_code == 404
        assert browsers(None).get(f"/ui/r/team/inside/-/artifacts/{address}").status_code == 303


def test_layer_tells_how_many_other_repositories_have_it_that_the_reader_may_see(
    registry: Registry, browsers: Browsers
) -> None:
    def told(name: str) -> str:
        page = browsers(name).get("/ui/r/team/shared/-/artifacts/1").text
        assert "Layers" in page
        return page.partition("also in ")[2].partition("<")[0]

    registry.push_image("team/shared", "1", b"what several have")
    assert told("gus") == ""
    registry.push_image("other/shared", "1", b"what several have")
    assert told("gus") == ""
    assert told("admin") == "1 repository"
    for name in ("team/beside", "open/beside"):
        registry.push_image(name, "1", b"what several have")
    assert told("gus") == "2 repositories"
    assert told("admin") == "3 repositories"


def test_tags_are_listed_each_by_itself_with_filter_order_and_page_in_the_address(
    registry: Registry, browsers: Browsers
) -> None:
    digest = registry.push_image("team/tags", "00", b"tags")
    repository, admin = "/api/v2.0/projects/team/repositories/tags", registry.client("admin")
    for number in range(1, 27):
        path = f"{repository}/artifacts/{digest}/tags"
        assert admin.post(path, json={"name": f"{number:02}"}).status_code == 201
    browser, base = browsers("gus"), "/ui/r/team/tags?view=tag"
    page = browser.get(f"{base}&sort=name").text
    assert ">00</a>" in page
    assert ">25</a>" not in page
    assert 'href="?sort=name&amp;view=tag&amp;page=2"' in page
    assert ">26</a>" in browser.get(f"{base}&sort=name&page=2").text
    assert ">26</a>" in browser.get(base).text  # the newest first
    assert 'class="name" href="/ui/r/team/tags/-/artifacts/07">07</a>' in browser.get(f"{base}&q=7").text
    assert "Nothing matches" in browser.get(f"{base}&q=none").text
    assert "/history" not in page
    assert "/ui/r/team/tags/-/tags/01/history" in browsers("dev").get(f"{base}&sort=name").text


def test_repository_without_a_tag_says_so(registry: Registry, browsers: Browsers) -> None:
    digest = registry.push_image("team/tagless", "1")
    path = f"/api/v2.0/projects/team/repositories/tagless/artifacts/{digest}/tags/1"
    assert registry.client("admin").delete(path).status_code == 200
    assert "No tags" in (page := browsers("gus").get("/ui/r/team/tagless?view=tag").text)
    assert "docker push" not in page
    assert "/team/tagless:1" in browsers("dev").get("/ui/r/team/tagless?view=tag").text
    assert digest.hex[:12] in browsers("gus").get("/ui/r/team/tagless").text
