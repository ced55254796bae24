import json

import httpx
import pytest

from registry.oci.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_ARTIFACT
from storage.digest import Digest
from tests.http.conftest import Make
from tests.http.pushes import (
    ABSENT,
    CONFIG_TYPE,
    LAYER_TYPE,
    Repo,
    at_once,
    codes,
    descriptor,
    document,
    fresh,
    image,
    index,
    refused,
)
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry, populate


@pytest.fixture
def repo(registry: Registry) -> Repo:
    return fresh(registry)


def is_kept(repo: Repo, reference: Digest | str) -> bool:
    return repo.http.head(repo.url(f"manifests/{reference}")).status_code == 200


def must_be_pulled(repo: Repo, reference: Digest | str, content: bytes, media_type: str, accept: str = "*/*") -> None:
    response = repo.manifest(reference, Accept=accept)
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["Content-Type"] == media_type


# Pushing


@pytest.mark.parametrize("algorithm", [None, "sha256", "sha512"], ids=["tag", "sha256", "sha512"])
def test_image_is_pushed_and_pulled(repo: Repo, algorithm: str | None) -> None:
    content = repo.image()
    digest = Digest.of(content, algorithm or "sha256")
    response = repo.put(digest if algorithm else "v1", content)
    assert response.status_code == 201
    assert response.headers["Docker-Content-Digest"] == str(digest)
    assert response.headers["Location"] == repo.url(f"manifests/{digest}")
    assert "OCI-Tag" not in response.headers
    assert "OCI-Subject" not in response.headers
    assert "Warning" not in response.headers
    assert repo.http.get(response.headers["Location"]).content == content
    assert repo.tags() == ([] if algorithm else ["v1"])


def test_manifest_comes_back_byte_for_byte(repo: Repo) -> None:
    """Also when it is spelled as no encoder would."""
    parsed = json.loads(repo.image(annotations={"note": "\N{SNOWMAN}"}))
    content = ("\n\t " + json.dumps(parsed, indent=7, ensure_ascii=False, separators=(" ,", " : ")) + "\r\n\n").encode()
    digest = repo.push("v1", content)
    for reference in ("v1", digest):
        must_be_pulled(repo, reference, content, MANIFEST_TYPE)


@pytest.mark.parametrize("accept", ["", DOCKER_MANIFEST, "text/html", INDEX_TYPE, "a/b;q=0, */*;q=0", "nonsense"])
def test_manifest_keeps_its_type_whatever_the_client_accepts(repo: Repo, accept: str) -> None:
    content = repo.image()
    must_be_pulled(repo, repo.push("v1", content), content, MANIFEST_TYPE, accept)


def test_head_says_what_get_does_without_the_content(repo: Repo) -> None:
    content = repo.image()
    digest = repo.push("v1", content)
    head, get = repo.http.head(repo.url("manifests/v1")), repo.manifest("v1")
    own = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in get.headers.items() if k not in own
    }
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))
    assert head.headers["Docker-Content-Digest"] == str(digest)
    assert head.headers["ETag"] == f'"{digest}"'


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("reference", ["v1", "digest"])
@pytest.mark.parametrize("condition", ['"{}"', 'W/"{}"', '"x", "{}"', "*"], ids=["same", "weak", "list", "any"])
def test_manifest_that_the_client_has_is_not_sent_again(
    repo: Repo, method: str, reference: str, condition: str
) -> None:
    digest = repo.push_image("v1")
    url = repo.url(f"manifests/{reference.replace('digest', str(digest))}")
    response = repo.http.request(method, url, headers={"If-None-Match": condition.format(digest)})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["Docker-Content-Digest"] == str(digest)


def test_manifest_is_never_compressed(repo: Repo) -> None:
    repo.push_image("v1", annotations={"long": "a" * 10_000})
    response = repo.manifest("v1", **{"Accept-Encoding": "gzip, br, zstd, identity;q=0"})
    assert "Content-Encoding" not in response.headers
    assert "Set-Cookie" not in response.headers


def _docker_image() -> bytes:
    return document(
        mediaType=DOCKER_MANIFEST,
        config=descriptor(b"{}", "application/vnd.docker.container.image.v1+json"),
        layers=[descriptor(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")],
    )


def _docker_list() -> bytes:
    child = descriptor(image(), DOCKER_MANIFEST, platform={"architecture": "amd64", "os": "linux"})
    return document(mediaType=DOCKER_LIST, manifests=[child])


def _helm_chart() -> bytes:
    return document(
        config=descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json"),
        layers=[descriptor(b"layer", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    )


def _foreign_layer() -> bytes:
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    layer = {"mediaType": kind, "digest": str(ABSENT), "size": 7, "urls": ["https://example.com/layer"]}
    return document(mediaType=DOCKER_MANIFEST, config=descriptor(b"{}", CONFIG_TYPE), layers=[layer])


GOOD = {
    "oci image": (image(), MANIFEST_TYPE),
    "oci image without mediaType": (_helm_chart(), MANIFEST_TYPE),
    "image without layers": (document(config=descriptor(b"{}", CONFIG_TYPE), layers=[]), MANIFEST_TYPE),
    "same layer twice": (
        document(config=descriptor(b"{}", CONFIG_TYPE), layers=[descriptor(b"layer", LAYER_TYPE)] * 2),
        MANIFEST_TYPE,
    ),
    "docker image": (_docker_image(), DOCKER_MANIFEST),
    "docker list": (_docker_list(), DOCKER_LIST),
    "foreign layer": (_foreign_layer(), DOCKER_MANIFEST),
    "index": (index(descriptor(image(), MANIFEST_TYPE)), INDEX_TYPE),
    "empty index": (index(), INDEX_TYPE),
    "nested index": (index(descriptor(index(), INDEX_TYPE)), INDEX_TYPE),
    "buildkit cache": (
        index(
            descriptor(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
            descriptor(b"{}", "application/vnd.buildkit.cacheconfig.v0"),
        ),
        INDEX_TYPE,
    ),
    "artifact manifest": (
        json.dumps(
            {"mediaType": OCI_ARTIFACT, "artifactType": "a/b", "blobs": [descriptor(b"layer", "text/plain")]}
        ).encode(),
        OCI_ARTIFACT,
    ),
    "artifact of any type": (image(artifactType="application/vnd.example+json"), MANIFEST_TYPE),
    "subject that is not here": (image(subject=descriptor(b"not here", MANIFEST_TYPE)), MANIFEST_TYPE),
    "unknown fields": (image(x=1, y=[{}], z=None), MANIFEST_TYPE),
}


@pytest.mark.parametrize("name", GOOD)
def test_manifests_of_every_kind_are_taken(repo: Repo, name: str) -> None:
    content, media_type = GOOD[name]
    repo.push("image", repo.image())
    repo.push("index", index(), INDEX_TYPE)
    repo.push("it", content, media_type)
    must_be_pulled(repo, "it", content, media_type)


@pytest.mark.parametrize("sent", [None, "application/json", "application/octet-stream", f"{MANIFEST_TYPE}; charset=x"])
def test_content_type_that_says_nothing_leaves_it_to_the_document(repo: Repo, sent: str | None) -> None:
    content = repo.image()
    repo.push("v1", content, sent)
    must_be_pulled(repo, "v1", content, MANIFEST_TYPE)


def test_pushing_a_manifest_again_changes_nothing(repo: Repo) -> None:
    content = repo.image()
    assert {repo.put("v1", content).status_code for _ in range(3)} == {201}
    must_be_pulled(repo, "v1", content, MANIFEST_TYPE)
    assert repo.tags() == ["v1"]


def test_document_pushed_as_another_type_than_before_is_what_it_was_last_pushed_as(repo: Repo) -> None:
    repo.image()
    content = document(config=descriptor(b"{}", CONFIG_TYPE), layers=[descriptor(b"layer", LAYER_TYPE)])
    for media_type in (MANIFEST_TYPE, DOCKER_MANIFEST):
        repo.push("v1", content, media_type)
        must_be_pulled(repo, "v1", content, media_type)


def test_tag_moves_and_what_it_pointed_to_stays(repo: Repo) -> None:
    first, second = repo.push_image("v1", b"one"), repo.push_image("v1", b"two")
    assert repo.manifest("v1").headers["Docker-Content-Digest"] == str(second)
    assert is_kept(repo, first)
    assert repo.tags() == ["v1"]


def test_tag_moves_between_image_and_index(repo: Repo) -> None:
    content = repo.image()
    child = descriptor(content, MANIFEST_TYPE)
    for _ in range(2):
        repo.push("v1", content)
        must_be_pulled(repo, "v1", content, MANIFEST_TYPE)
        repo.push("v1", index(child), INDEX_TYPE)
        must_be_pulled(repo, "v1", index(child), INDEX_TYPE)


def test_one_name_of_a_single_segment_is_in_library(registry: Registry) -> None:
    short, full = Repo(fresh(registry).http, "hello"), Repo(fresh(registry).http, "library/hello")
    content = short.image()
    response = short.put("v1", content)
    assert response.headers["Location"] == full.url(f"manifests/{Digest.of(content)}")
    must_be_pulled(full, "v1", content, MANIFEST_TYPE)
    assert short.http.get(short.url("tags/list")).json() == {"name": "library/hello", "tags": ["v1"]}


# Several tags


def test_manifest_is_pushed_by_digest_with_several_tags(repo: Repo) -> None:
    content = repo.image()
    response = repo.put(Digest.of(content), content, tags=["b", "a", "b"])
    assert response.status_code == 201
    assert response.headers.get_list("OCI-Tag") == ["b", "a"]
    assert repo.tags() == ["a", "b"]
    must_be_pulled(repo, "a", content, MANIFEST_TYPE)


def test_as_many_tags_as_the_spec_asks_for_are_taken_at_once(repo: Repo) -> None:
    content, tags = repo.image(), [f"v{number:02}" for number in range(32)]
    assert repo.put(Digest.of(content), content, tags=tags).status_code == 201
    assert repo.tags() == tags


def test_more_tags_are_refused_and_none_is_set(repo: Repo) -> None:
    content = repo.image()
    response = repo.put(Digest.of(content), content, tags=[f"v{number}" for number in range(33)])
    refused(response, 414, "TAG_INVALID")
    assert not is_kept(repo, Digest.of(content))
    assert repo.tags() == []


@pytest.mark.parametrize("tag", ["", ".x", "-x", "a/b", "a" * 129, "a\n", "a\0", "\N{SNOWMAN}", "a b", str(ABSENT)])
def test_one_malformed_tag_among_good_ones_sets_none(repo: Repo, tag: str) -> None:
    content = repo.image()
    refused(repo.put(Digest.of(content), content, tags=["good", tag]), 400, "TAG_INVALID")
    assert not is_kept(repo, Digest.of(content))


# Deleting


def test_deleted_tag_is_gone_and_the_others_stay(repo: Repo) -> None:
    content = repo.image()
    for tag in ("v1", "v2"):
        repo.push(tag, content)
    response = repo.http.delete(repo.url("manifests/v1"))
    assert (response.status_code, response.content) == (202, b"")
    refused(repo.manifest("v1"), 404, "MANIFEST_UNKNOWN")
    refused(repo.http.delete(repo.url("manifests/v1")), 404, "MANIFEST_UNKNOWN")
    assert repo.tags() == ["v2"]
    assert is_kept(repo, Digest.of(content))


def test_deleted_manifest_takes_its_tags_along_and_no_others(repo: Repo) -> None:
    content = repo.image()
    for tag in ("v1", "v2"):
        repo.push(tag, content)
    repo.push_image("v3", b"another")
    assert repo.http.delete(repo.url(f"manifests/{Digest.of(content)}")).status_code == 202
    refused(repo.manifest(Digest.of(content)), 404, "MANIFEST_UNKNOWN")
    refused(repo.manifest("v1"), 404, "MANIFEST_UNKNOWN")
    assert repo.tags() == ["v3"]
    repo.push("v1", content)
    must_be_pulled(repo, "v1", content, MANIFEST_TYPE)


def test_manifest_deleted_from_one_repository_stays_in_another(registry: Registry, repo: Repo) -> None:
    other = fresh(registry)
    digest = repo.push_image("v1")
    other.push_image("v1")
    repo.http.delete(repo.url(f"manifests/{digest}"))
    assert is_kept(other, digest)
    assert other.tags() == ["v1"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("reference", ["v1", str(ABSENT), str(Digest.of(b"x", "sha512"))])
def test_manifest_that_was_never_pushed_is_unknown(repo: Repo, method: str, reference: str) -> None:
    refused(repo.http.request(method, repo.url(f"manifests/{reference}")), 404, "NAME_UNKNOWN")
    repo.push_image("another")
    response = repo.http.request(method, repo.url(f"manifests/{reference}"))
    refused(response, 404, "MANIFEST_UNKNOWN")
    assert response.json()["errors"][0]["detail"] == {"reference": reference}


def test_blob_is_no_manifest_and_a_manifest_no_blob(repo: Repo) -> None:
    digest = repo.push_image("v1")
    refused(repo.blob(digest), 404, "BLOB_UNKNOWN")
    refused(repo.manifest(Digest.of(b"layer")), 404, "MANIFEST_UNKNOWN")


# What a manifest names


def missing(response: httpx.Response) -> list[str]:
    assert response.status_code == 404
    assert set(codes(response)) == {"MANIFEST_BLOB_UNKNOWN"}
    return [entry["detail"]["digest"] for entry in response.json()["errors"]]


def test_each_missing_blob_is_an_error_of_its_own(repo: Repo) -> None:
    repo.push_blob(b"layer")
    layers = [b"one", b"layer", b"two", b"one"]
    content = document(
        config=descriptor(b"{}", CONFIG_TYPE), layers=[descriptor(layer, LAYER_TYPE) for layer in layers]
    )
    assert missing(repo.put("v1", content)) == [str(Digest.of(part)) for part in (b"{}", b"one", b"two")]
    assert not is_kept(repo, Digest.of(content))
    assert repo.tags() == []


def test_refused_manifest_leaves_the_tag_where_it_was(repo: Repo) -> None:
    digest = repo.push_image("v1")
    missing(repo.put("v1", image(b"not pushed")))
    assert repo.manifest("v1").headers["Docker-Content-Digest"] == str(digest)


def test_blob_of_another_repository_is_missing(registry: Registry, repo: Repo) -> None:
    fresh(registry).push_image("v1")
    assert len(missing(repo.put("v1", image()))) == 2


def test_of_many_missing_blobs_some_are_named(repo: Repo) -> None:
    layers = [descriptor(b"%d" % number, LAYER_TYPE) for number in range(3000)]
    assert len(missing(repo.put("v1", document(config=descriptor(b"{}", CONFIG_TYPE), layers=layers)))) == 100


@pytest.mark.parametrize("difference", [-1, 1, 10**12])
def test_size_that_differs_from_the_blobs_is_refused(repo: Repo, difference: int) -> None:
    repo.image()
    layer = descriptor(b"layer", LAYER_TYPE) | {"size": 5 + difference}
    content = document(config=descriptor(b"{}", CONFIG_TYPE), layers=[layer])
    refused(repo.put("v1", content), 400, "MANIFEST_INVALID")
    assert not is_kept(repo, Digest.of(content))


def test_size_that_differs_from_a_childs_is_refused(repo: Repo) -> None:
    content = repo.image()
    repo.push("v1", content)
    child = descriptor(content, MANIFEST_TYPE) | {"size": 1}
    refused(repo.put("all", index(child), INDEX_TYPE), 400, "MANIFEST_INVALID")


SPARSE_IMAGE = (image(b"not pushed"), MANIFEST_TYPE)
SPARSE_INDEX = (index(descriptor(b"not pushed", MANIFEST_TYPE)), INDEX_TYPE)
SPARSE_CACHE = (index(descriptor(b"not pushed", LAYER_TYPE)), INDEX_TYPE)


@pytest.mark.parametrize(
    ("setting", "taken"),
    [("none", []), ("indexes", [SPARSE_INDEX]), ("all", [SPARSE_INDEX, SPARSE_IMAGE, SPARSE_CACHE])],
)
def test_setting_says_which_manifests_may_name_what_is_not_here(
    make_registry: Make, setting: str, taken: list[tuple[bytes, str]]
) -> None:
    registry = make_registry(sparse_manifests=setting)
    populate(registry)
    repo = fresh(registry)
    for content, media_type in (SPARSE_IMAGE, SPARSE_INDEX, SPARSE_CACHE):
        response = repo.put("v1", content, media_type)
        if (content, media_type) in taken:
            assert response.status_code == 201
            assert response.headers["Warning"].startswith('299 - "the repository lacks ')
            assert str(Digest.of(b"not pushed")) in response.headers["Warning"]
            must_be_pulled(repo, "v1", content, media_type)
        else:
            assert str(Digest.of(b"not pushed")) in missing(response)
            assert not is_kept(repo, Digest.of(content))


def test_warning_about_many_missing_children_stays_short(repo: Repo) -> None:
    children = [descriptor(b"%d" % number, MANIFEST_TYPE) for number in range(500)]
    response = repo.put("v1", index(*children), INDEX_TYPE)
    assert response.status_code == 201
    assert "lacks 500 of" in response.headers["Warning"]
    assert len(response.headers["Warning"]) < 4096


# Documents that are refused

CONFIG = descriptor(b"{}", CONFIG_TYPE)
LAYER = descriptor(b"layer", LAYER_TYPE)
BAD = {
    "nothing": b"",
    "no json": b"hello",
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "cut": image()[:-1],
    "more": image() + b"{}",
    "utf-16": image().decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + image(),
    "no utf-8": image(x="y").replace(b"y", b"\xff"),
    "duplicate key": image()[:-1] + b',"schemaVersion":2}',
    "duplicate key further in": image(x=1).replace(b'"x": 1', b'"x": {"a": 1, "a": 2}'),
    "nan": image(x=1).replace(b'"x": 1', b'"x": NaN'),
    "infinity": image(x=1).replace(b'"x": 1', b'"x": -Infinity'),
    "huge number": image(x=1).replace(b'"x": 1', b'"x": 1e9999'),
    "huge integer": image(x=1).replace(b'"x": 1', b'"x": ' + b"9" * 5000),
    "lone surrogate": image(x=1).replace(b'"x": 1', b'"x": "\\ud800"'),
    "nul": image(x=1).replace(b'"x": 1', b'"x": "\\u0000"'),
    "too deep": image(x=1).replace(b'"x": 1', b'"x": ' + b"[" * 100 + b"]" * 100),
    "far too deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "unclosed depth": b"[" * 200_000,
    "schema version 1": image().replace(b'"schemaVersion": 2', b'"schemaVersion": 1'),
    "schema version 3": image().replace(b'"schemaVersion": 2', b'"schemaVersion": 3'),
    "schema version text": image().replace(b'"schemaVersion": 2', b'"schemaVersion": "2"'),
    "no schema version": json.dumps({"config": CONFIG, "layers": [LAYER]}).encode(),
    "layers and manifests": image(manifests=[]),
    "config and manifests": document(config=CONFIG, manifests=[]),
    "no config": document(layers=[LAYER]),
    "config null": image().replace(b'"config": {', b'"config": null, "x": {'),
    "layers no list": document(config=CONFIG, layers={}),
    "layer no object": document(config=CONFIG, layers=["x"]),
    "layer without digest": document(config=CONFIG, layers=[{"mediaType": LAYER_TYPE, "size": 5}]),
    "layer with bad digest": document(config=CONFIG, layers=[LAYER | {"digest": "sha256:abc"}]),
    "layer with digest in upper case": document(config=CONFIG, layers=[LAYER | {"digest": "sha256:" + "A" * 64}]),
    "layer with a path for a digest": document(config=CONFIG, layers=[LAYER | {"digest": "../../etc/passwd"}]),
    "layer with md5": document(config=CONFIG, layers=[LAYER | {"digest": "md5:" + "a" * 32}]),
    "negative size": document(config=CONFIG, layers=[LAYER | {"size": -5}]),
    "size is text": document(config=CONFIG, layers=[LAYER | {"size": "5"}]),
    "size is true": document(config=CONFIG, layers=[LAYER | {"size": True}]),
    "size is real": document(config=CONFIG, layers=[LAYER | {"size": 5.0}]),
    "size is huge": document(config=CONFIG, layers=[LAYER | {"size": 2**60}]),
    "two sizes": document(config=CONFIG, layers=[LAYER, LAYER | {"size": 6}]),
    "no media type": document(config=CONFIG, layers=[{"digest": str(Digest.of(b"layer")), "size": 5}]),
    "bad media type": document(config=CONFIG, layers=[LAYER | {"mediaType": "x"}]),
    "annotations no strings": image(annotations={"a": 1}),
    "annotations no object": image(annotations=["a"]),
    "data differs": document(config=CONFIG, layers=[LAYER | {"data": "YWJj"}]),
    "data is no base64": document(config=CONFIG, layers=[LAYER | {"data": "!"}]),
    "urls no list": document(config=CONFIG, layers=[LAYER | {"urls": "http://x"}]),
    "subject no descriptor": image(subject="x"),
    "subject with bad digest": image(subject={"mediaType": MANIFEST_TYPE, "digest": "x", "size": 1}),
    "artifact type no media type": image(artifactType="not one"),
    "another case": image().replace(b'"layers"', b'"Layers"'),
    "index document": index(),
    "another media type": image().replace(MANIFEST_TYPE.encode(), DOCKER_MANIFEST.encode()),
    "media type no text": document(mediaType=7, config=CONFIG, layers=[LAYER]),
}


@pytest.mark.parametrize("name", BAD)
def test_document_that_is_no_image_is_refused_and_nothing_is_kept(repo: Repo, name: str) -> None:
    repo.image()
    refused(repo.put("v1", BAD[name]), 400, "MANIFEST_INVALID")
    refused(repo.put(Digest.of(BAD[name]), BAD[name]), 400, "MANIFEST_INVALID")
    assert not is_kept(repo, "v1")
    assert not is_kept(repo, Digest.of(BAD[name]))


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.image.config.v1+json",
        DOCKER_MANIFEST,
        DOCKER_LIST,
        INDEX_TYPE,
        OCI_ARTIFACT,
        "x",
        "a/b/c",
    ],
)
def test_image_pushed_as_something_else_is_refused(repo: Repo, media_type: str) -> None:
    content = repo.image()
    refused(repo.put("v1", content, media_type), 400, "MANIFEST_INVALID")
    assert not is_kept(repo, Digest.of(content))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_manifest_that_is_not_what_its_digest_says_is_refused(repo: Repo, algorithm: str) -> None:
    content = repo.image()
    refused(repo.put(Digest.of(b"another", algorithm), content, tags=["v1"]), 400, "DIGEST_INVALID")
    assert not is_kept(repo, Digest.of(b"another", algorithm))
    assert not is_kept(repo, "v1")


def padded(repo: Repo, size: int) -> bytes:
    content = repo.image()
    return content + b" " * (size - len(content))


def test_manifest_of_the_greatest_size_is_taken(repo: Repo) -> None:
    content = padded(repo, 4_393_216)
    repo.push("v1", content)
    must_be_pulled(repo, "v1", content, MANIFEST_TYPE)


@pytest.mark.parametrize("streamed", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [4_393_217, 20_000_000])
def test_larger_manifest_is_refused_and_the_client_goes_on(repo: Repo, size: int, streamed: bool) -> None:
    content = padded(repo, size)
    pieces = (content[start : start + 65_536] for start in range(0, size, 65_536))
    response = repo.http.put(
        repo.url("manifests/v1"), content=pieces if streamed else content, headers={"Content-Type": MANIFEST_TYPE}
    )
    refused(response, 413, "SIZE_INVALID")
    assert not is_kept(repo, "v1")
    repo.push("v1", content[:4_000_000])


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_encoded_manifest_is_refused(repo: Repo, encoding: str) -> None:
    content = repo.image()
    headers = {"Content-Encoding": encoding, "Content-Type": MANIFEST_TYPE}
    refused(repo.http.put(repo.url("manifests/v1"), content=content, headers=headers), 415, "UNSUPPORTED")
    assert not is_kept(repo, "v1")


# At the same time


def test_tag_pushed_by_fifty_at_once_is_one_of_them(repo: Repo) -> None:
    repo.image()
    contents = [image(annotations={"number": str(number)}) for number in range(50)]
    responses = at_once(*[lambda content=content: repo.put("v1", content) for content in contents])
    assert [response.status_code for response in responses] == [201] * 50
    assert repo.manifest("v1").content in contents
    assert repo.tags() == ["v1"]
    assert all(is_kept(repo, Digest.of(content)) for content in contents)


def test_same_manifest_pushed_and_deleted_by_many_at_once_ends_in_one_state_or_the_other(repo: Repo) -> None:
    content = repo.image()
    digest = Digest.of(content)

    def push() -> int:
        return repo.put("v1", content).status_code

    def delete() -> int:
        return repo.http.delete(repo.url(f"manifests/{digest}")).status_code

    statuses = at_once(*[push, delete] * 8)
    assert set(statuses[::2]) == {201}
    assert set(statuses[1::2]) <= {202, 404}
    assert repo.tags() == (["v1"] if is_kept(repo, digest) else [])
