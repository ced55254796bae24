"""Artifacts, as Harbor's clients list, read, copy, tag and remove them."""

import json
from typing import Any

import httpx
import pytest

from storage.blobs import StoreUnavailable
from storage.disk import DiskStore
from tests.api.conftest import Api
from tests.api.content import CHART_CONFIG_TYPE, CHART_TYPE, chart, push, push_index
from tests.http.serving import Registry

HERE = "projects/team/repositories/{}/artifacts"


def artifacts(api: Api, repository: str, query: str = "") -> list[dict[str, Any]]:
    response = api("dev").get(f"{HERE.format(repository)}?{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def digests(found: list[dict[str, Any]]) -> list[str]:
    return [artifact["digest"] for artifact in found]


def test_image_tells_what_harbor_tells_of_it(api: Api, registry: Registry) -> None:
    pushed = push(registry, "team/deep/image", "1", annotations={"from": "here"})
    found = api("dev").get(HERE.format("deep%252Fimage") + "/1").json()
    times = {found.pop(name) for name in ("push_time",)}
    tag = found["tags"][0]
    assert all(time.endswith("Z") for time in times | {tag.pop("push_time")})
    assert found.pop("icon").startswith("sha256:")
    link = f"/api/v2.0/projects/team/repositories/deep%252Fimage/artifacts/{pushed['digest']}/additions/build_history"
    ids = {name: found[name] for name in ("id", "project_id", "repository_id")}
    size = found.pop("size")
    assert pushed["size"] < size
    assert found == {
        **ids,
        "type": "IMAGE",
        "media_type": "application/vnd.oci.image.config.v1+json",
        "manifest_media_type": "application/vnd.oci.image.manifest.v1+json",
        "artifact_type": "application/vnd.oci.image.config.v1+json",
        "repository_name": "team/deep/image",
        "digest": pushed["digest"],
        "pull_time": "0001-01-01T00:00:00.000Z",
        "extra_attrs": {
            "architecture": "arm64",
            "os": "linux",
            "author": "pat",
            "created": "2026-01-02T03:04:05Z",
            "config": {"Env": ["A=1"]},
        },
        "annotations": {"from": "here"},
        "references": None,
        "tags": [
            {
                "repository_id": ids["repository_id"],
                "artifact_id": ids["id"],
                "name": "1",
                "pull_time": "0001-01-01T00:00:00.000Z",
                "immutable": False,
            }
        ],
        "addition_links": {"build_history": {"href": link, "absolute": False}},
        "labels": None,
        "accessories": None,
    }
    assert registry.client("dev").get(link).json() == [{"created_by": "COPY . ."}]


def test_list_leaves_out_children_and_accessories_and_shows_them_where_they_belong(
    api: Api, registry: Registry
) -> None:
    arm, intel = push(registry, "team/multi"), push(registry, "team/multi", config={"architecture": "amd64"})
    children = [
        {**arm, "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"}},
        {**intel, "platform": "odd", "annotations": {"a": "b"}},
    ]
    index = push_index(registry, "team/multi", "1", *children)
    signature = push(registry, "team/multi", f"{index['digest'].replace(':', '-')}.sig", config={"signs": "it"})
    notation = push(
        registry, "team/multi", config_type="application/vnd.cncf.notary.signature", config={}, subject=index
    )
    (found,) = artifacts(api, "multi")
    assert found["digest"] == index["digest"]
    assert "extra_attrs" not in found
    sizes = [api("dev").get(f"{HERE.format('multi')}/{each['digest']}").json()["size"] for each in (arm, intel)]
    assert found["size"] == index["size"] + sum(sizes)
    first, second = found["references"]
    assert first["platform"] == {"architecture": "arm64", "os": "linux", "os.features": None, "variant": "v8"}
    assert (first["child_digest"], second["child_digest"]) == (arm["digest"], intel["digest"])
    assert second["annotations"] == {"a": "b"}
    assert "platform" not in second
    about = {each["digest"]: each for each in found["accessories"]}
    assert {digest: each["type"] for digest, each in about.items()} == {
        signature["digest"]: "signature.cosign",
        notation["digest"]: "signature.notation",
    }
    assert {each["subject_artifact_digest"] for each in about.values()} == {index["digest"]}
    listed = api("dev").get(f"{HERE.format('multi')}/1/accessories?page_size=1")
    assert (len(listed.json()), listed.headers["x-total-count"]) == (1, "2")
    everything = artifacts(api, "multi", "q=base=*")
    assert len(everything) == 5
    assert not any("inherited_accessories" in each for each in everything)
    inheriting = artifacts(api, "multi", "q=base=*&with_inherited_accessory=true&with_accessory=false")
    inherited = {each["digest"]: each.get("inherited_accessories", []) for each in inheriting}
    assert {digest for digest, each in inherited.items() if each} == {arm["digest"], intel["digest"]}
    assert {each["digest"] for each in inherited[arm["digest"]]} == about.keys()
    assert {each["subject_artifact_digest"] for each in inherited[arm["digest"]]} == {index["digest"]}
    one = api("dev").get(f"{HERE.format('multi')}/{arm['digest']}?with_inherited_accessory=true").json()
    assert one["inherited_accessories"] == inherited[arm["digest"]]
    assert artifacts(api, "multi", "with_accessory=false")[0]["accessories"] is None
    assert api("dev").get("projects/team/repositories/multi").json()["artifact_count"] == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1, 0]),
        ("q=tags=*", [2, 1, 0]),
        ("q=tags=nil", [3]),
        ("q=tags=v1", [0]),
        ("q=tags=~V", [1, 0]),
        ("q=tags={v1 latest}&sort=push_time", [0, 2]),
        ("q=type=CHART", [2]),
        ("q=type=~image,tags=v2", [1]),
        ("q=media_type=application/vnd.cncf.helm.config.v1%2Bjson", [2]),
        ("q=labels=(7)", []),
        ("q=labels=x", []),
        ("q=push_time=[2001-01-01~]&page=2&page_size=3", [0]),
        ("sort=-size,id&page_size=1", [3]),
        ("page=5", []),
    ],
)
def test_list_is_filtered_sorted_and_paged(api: Api, registry: Registry, query: str, expected: list[int]) -> None:
    pushed = [
        push(registry, "team/many", "v1", config={"n": 1}),
        push(registry, "team/many", "v2", config={"n": 2}),
        push(registry, "team/many", "latest", config={"n": 3}, config_type=CHART_CONFIG_TYPE),
        push(registry, "team/many", config={"n": 4}, layers={b"large" * 99: "application/x"}),
    ]
    found = artifacts(api, "many", query)
    assert digests(found) == [pushed[number]["digest"] for number in expected]


def test_untagged_artifact_and_one_whose_tags_are_not_asked_for_have_null_for_them(
    api: Api, registry: Registry
) -> None:
    push(registry, "team/plain")
    push(registry, "team/plain", "1", config={})
    assert [found["tags"] for found in artifacts(api, "plain", "with_tag=false")] == [None, None]
    assert [bool(found["tags"]) for found in artifacts(api, "plain")] == [True, False]


def test_labels_are_shown_and_found_when_they_are_asked_for(api: Api, registry: Registry) -> None:
    push(registry, "team/labelled", "1")
    push(registry, "team/labelled", "2", config={})
    made = api("mia").get("projects/team").json()["project_id"]
    label = api("mia").post("labels", json={"name": "good", "scope": "p", "project_id": made})
    number = int(label.headers["location"].rpartition("/")[2])
    assert api("mia").post(f"{HERE.format('labelled')}/1/labels", json={"id": number}).status_code == 200
    assert [found["labels"] for found in artifacts(api, "labelled")] == [None, None]
    (found,) = artifacts(api, "labelled", f"q=labels=({number})&with_label=true")
    assert [label["name"] for label in found["labels"]] == ["good"]
    assert artifacts(api, "labelled", f"q=labels=({number} 99999)") == []


def test_project_lists_artifacts_of_all_its_repositories_or_the_newest_of_each(api: Api, registry: Registry) -> None:
    api("admin").post("projects", json={"project_name": "wide"})
    for repository in ("one", "two"):
        push(registry, f"wide/{repository}", "1", config={"n": 1})
        newest = push(registry, f"wide/{repository}", "2", config={"n": 2})
    found = api("admin").get("projects/wide/artifacts").json()
    assert [artifact["repository_name"] for artifact in found] == ["wide/two", "wide/two", "wide/one", "wide/one"]
    kind = "artifact_type=application/vnd.oci.image.config.v1%2Bjson"
    latest = api("admin").get(f"projects/wide/artifacts?latest_in_repository=true&q={kind}").json()
    assert digests(latest) == [newest["digest"]] * 2
    assert api("admin").get("projects/wide/artifacts?latest_in_repository=true").status_code == 400


def test_artifact_is_read_by_tag_or_digest_and_missing_ones_are_told_as_such(api: Api, registry: Registry) -> None:
    pushed = push(registry, "team/read", "1")
    for reference in ("1", pushed["digest"]):
        assert api("gus").get(f"{HERE.format('read')}/{reference}").json()["digest"] == pushed["digest"]
    for address in ("read/artifacts/none", "none/artifacts/1"):
        missing = api("dev").get(f"projects/team/repositories/{address}")
        assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "NOT_FOUND")
    assert api("dev").get(HERE.format("none")).status_code == 404
    assert api("stan").get(f"{HERE.format('read')}/1").status_code == 403


def test_artifact_goes_with_its_tags_children_and_accessories(api: Api, registry: Registry) -> None:
    kept = push(registry, "team/going", "kept")
    child = push(registry, "team/going", config={"n": 1})
    index = push_index(registry, "team/going", "1", kept, child)
    signature = push(registry, "team/going", config={"n": 2}, subject=index)
    assert api("dev").delete(f"{HERE.format('going')}/1").status_code == 403
    assert api("mia").delete(f"{HERE.format('going')}/1").status_code == 200
    assert digests(artifacts(api, "going", "q=base=*")) == [kept["digest"]]
    for gone in (index, child, signature):
        assert registry.client("admin").head(f"/v2/team/going/manifests/{gone['digest']}").status_code == 404


def test_child_of_an_index_does_not_go_before_it(api: Api, registry: Registry) -> None:
    """`StillReferenced`."""
    child = push(registry, "team/family", "child")
    push_index(registry, "team/family", "1", child)
    refused = api("mia").delete(f"{HERE.format('family')}/child")
    assert (refused.status_code, refused.json()["errors"]) == (
        412,
        [{"code": "VIOLATE_FOREIGN_KEY_CONSTRAINT", "message": "the deleting artifact is referenced by others"}],
    )


def test_tags_are_listed_made_and_removed_one_by_one(api: Api, registry: Registry) -> None:
    push(registry, "team/tags", "1")
    push(registry, "team/tags", "other", config={})
    address = f"{HERE.format('tags')}/1/tags"
    assert api("dev").post(address, json={"name": "2"}).status_code == 201
    taken = api("dev").post(address, json={"name": "2"})
    assert (taken.status_code, taken.json()["errors"][0]["message"]) == (
        409,
        "tag 2 already exists under the repository team/tags",
    )
    assert api("dev").post(address, json={"name": "-bad"}).status_code == 400
    assert api("dev").post(address, json={}).status_code == 422
    listed = api("gus").get(f"{address}?q=name=~2&with_immutable_status=true")
    assert ([tag["name"] for tag in listed.json()], listed.headers["x-total-count"]) == (["2"], "1")
    assert api("dev").delete(f"{address}/2").status_code == 403
    assert api("mia").delete(f"{address}/other").status_code == 404
    assert api("mia").delete(f"{address}/2").status_code == 200
    assert [tag["name"] for tag in api("gus").get(address).json()] == ["1"]


def test_copy_takes_tags_children_and_accessories_along(api: Api, registry: Registry) -> None:
    child = push(registry, "other/source", layers={b"of the child": "application/x"})
    index = push_index(registry, "other/source", "1", child)
    registry.client("admin").put(
        "/v2/other/source/manifests/2",
        content=registry.client("admin").get("/v2/other/source/manifests/1").content,
        headers={"Content-Type": index["mediaType"]},
    )
    push(registry, "other/source", config={"signs": 1}, subject=index)
    address = HERE.format("copied") + "?from=other/source"
    assert api("dev").post(f"{address}:1").status_code == 403
    assert api("admin").post(f"{address}:none").status_code == 404
    assert api("admin").post(HERE.format("copied") + "?from=source").status_code == 400
    response = api("admin").post(f"{address}@{index['digest']}")
    assert (response.status_code, response.headers["location"]) == (
        201,
        f"/api/v2.0/projects/team/repositories/copied/artifacts/{index['digest']}",
    )
    (found,) = artifacts(api, "copied")
    assert [tag["name"] for tag in found["tags"]] == ["1", "2"]
    assert len(found["accessories"]) == 1
    pulled = registry.client("dev").get(f"/v2/team/copied/manifests/{child['digest']}").json()
    assert registry.client("dev").get(f"/v2/team/copied/blobs/{pulled['layers'][0]['digest']}").content


def test_chart_shows_its_files(api: Api, registry: Registry) -> None:
    packed = chart(values_yaml="replicas: 1\n", README_md="# App", Chart_yaml="name: app")
    config = {"name": "app", "version": "1.0", "dependencies": [{"name": "db", "version": "2"}]}
    push(registry, "team/chart", "1", config=config, config_type=CHART_CONFIG_TYPE, layers={packed: CHART_TYPE})
    found = api("dev").get(f"{HERE.format('chart')}/1").json()
    assert (found["type"], found["extra_attrs"]["version"]) == ("CHART", "1.0")
    assert sorted(found["addition_links"]) == ["dependencies", "readme.md", "values.yaml"]
    told: dict[str, httpx.Response] = {
        name: registry.client("gus").get(link["href"]) for name, link in found["addition_links"].items()
    }
    assert told["values.yaml"].text == "replicas: 1\n"
    assert (told["readme.md"].text, told["readme.md"].headers["content-type"]) == (
        "# App",
        "text/markdown; charset=utf-8",
    )
    assert told["dependencies"].json() == [{"name": "db", "version": "2"}]
    assert api("gus").get(f"{HERE.format('chart')}/1/additions/build_history").status_code == 400


@pytest.mark.parametrize(
    "layer",
    [b"no archive", chart(other="x"), chart(values_yaml="x")[:-20]],
    ids=["no archive", "another file", "cut short"],
)
def test_chart_that_is_none_has_no_files(api: Api, registry: Registry, layer: bytes) -> None:
    push(registry, "team/odd", "1", config={}, config_type=CHART_CONFIG_TYPE, layers={layer: CHART_TYPE})
    assert api("dev").get(f"{HERE.format('odd')}/1/additions/readme.md").status_code == 404


@pytest.mark.parametrize("config", [[], {"history": 1}, {"config": {"x": "y" * 70_000}, "os": "linux"}])
def test_config_that_is_odd_or_large_spoils_no_list(api: Api, registry: Registry, config: object) -> None:
    push(registry, "team/config", "1", config=config)
    found = api("dev").get(f"{HERE.format('config')}/1").json()
    assert len(json.dumps(found.get("extra_attrs"))) < 1000
    assert api("dev").get(f"{HERE.format('config')}/1/additions/build_history").json() == []


def test_there_is_no_scanner_and_so_no_report(api: Api, registry: Registry) -> None:
    push(registry, "team/unscanned", "1")
    assert api("dev").get(f"{HERE.format('unscanned')}/1/additions/vulnerabilities").json() == {}
    assert api("dev").get(f"{HERE.format('unscanned')}/2/additions/vulnerabilities").status_code == 404


def test_pictures_of_artifacts_are_there(api: Api, registry: Registry) -> None:
    push(registry, "team/pictured", "1")
    icon = artifacts(api, "pictured")[0]["icon"]
    assert api(None).get(f"icons/{icon}").json()["content-type"] == "image/svg+xml"
    assert api(None).get("icons/sha256:none").status_code == 404


def test_lists_are_there_while_the_store_fails(api: Api, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    push(registry, "team/far", "1", config={"architecture": "riscv64"})

    def fail(_store: DiskStore, _location: str) -> None:
        raise StoreUnavailable("the disk does not answer")

    with monkeypatch.context() as failing:
        failing.setattr(DiskStore, "open", fail)
        (found,) = artifacts(api, "far")
        assert "extra_attrs" not in found
    (found,) = artifacts(api, "far")
    assert found["extra_attrs"] == {"architecture": "riscv64"}
