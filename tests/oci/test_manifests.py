import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import ManifestInvalid
from registry.oci.bounds import Bounds
from registry.oci.manifests import MANIFEST_LIMIT, Manifest, describe, referrers_index
from registry.oci.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    IMAGE_TYPES,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_ARTIFACT,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1_TYPES,
)
from storage.digest import Digest

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

Document = dict[str, object]


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def descriptor(text: str, media_type: str = LAYER, **more: object) -> Document:
    return {"mediaType": media_type, "digest": str(digest(text)), "size": len(text), **more}


def image(media_type: str | None = OCI_MANIFEST, **changes: object) -> Document:
    config, layers = descriptor("config", CONFIG), [descriptor("one"), descriptor("two")]
    return {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers, **changes}


def index(media_type: str | None = OCI_INDEX, **changes: object) -> Document:
    children = [descriptor("amd64", OCI_MANIFEST), descriptor("arm64", OCI_MANIFEST)]
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": children, **changes}


def artifact(**changes: object) -> Document:
    return {"mediaType": OCI_ARTIFACT, "artifactType": "example/sbom", "blobs": [descriptor("sbom")], **changes}


def parse(document: Document, content_type: str | None = None) -> Manifest:
    return Manifest.parse(content_type, json.dumps(document).encode())


def names(manifest: Manifest) -> list[tuple[str, str, bool]]:
    texts = {str(digest(text)): text for text in ("config", "one", "two", "amd64", "arm64", "sbom", "cache")}
    return [(texts[str(found.digest)], found.kind, found.required) for found in manifest.references]


@pytest.mark.parametrize("media_type", sorted(IMAGE_TYPES))
def test_image_requires_its_configuration_and_layers(media_type: str) -> None:
    manifest = parse(image(media_type), media_type)
    assert manifest.media_type == media_type
    assert names(manifest) == [("config", "blob", True), ("one", "blob", True), ("two", "blob", True)]
    assert [found.size for found in manifest.references] == [6, 3, 3]
    assert (manifest.artifact_type, manifest.subject, manifest.annotations) == (CONFIG, None, {})


@pytest.mark.parametrize("media_type", sorted(INDEX_TYPES))
def test_index_requires_its_manifests(media_type: str) -> None:
    manifest = parse(index(media_type), media_type)
    assert manifest.media_type == media_type
    assert names(manifest) == [("amd64", "manifest", True), ("arm64", "manifest", True)]
    assert manifest.artifact_type is None


def test_artifact_manifest_requires_its_blobs() -> None:
    manifest = parse(artifact(), OCI_ARTIFACT)
    assert names(manifest) == [("sbom", "blob", True)]
    assert manifest.artifact_type == "example/sbom"


def test_foreign_layers_are_not_required_and_the_configuration_always_is() -> None:
    manifest = parse(
        image(
            config=descriptor("config", CONFIG, urls=["https://example.com/config"]),
            layers=[descriptor("one", FOREIGN), descriptor("two", urls=["https://example.com/two"])],
        )
    )
    assert names(manifest) == [("config", "blob", True), ("one", "blob", False), ("two", "blob", False)]


def test_layers_in_an_index_are_blobs_as_in_the_caches_of_buildkit() -> None:
    manifest = parse(
        index(manifests=[descriptor("one"), descriptor("cache", "application/vnd.buildkit.cacheconfig.v0")])
    )
    assert names(manifest) == [("one", "blob", True), ("cache", "blob", True)]


def test_child_with_urls_is_still_required() -> None:
    manifest = parse(index(manifests=[descriptor("amd64", OCI_MANIFEST, urls=["https://example.com/"])]))
    assert names(manifest) == [("amd64", "manifest", True)]


def test_content_named_again_is_one_reference_and_required_when_one_of_them_is() -> None:
    manifest = parse(
        image(layers=[descriptor("one", FOREIGN), descriptor("two"), descriptor("one"), descriptor("one", FOREIGN)])
    )
    assert names(manifest) == [("config", "blob", True), ("one", "blob", True), ("two", "blob", True)]


def test_content_named_with_two_sizes_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="two different sizes"):
        parse(image(layers=[descriptor("one"), descriptor("one", size=4)]))


@pytest.mark.parametrize(
    "document",
    [
        image(layers=[]),
        image(layers=None),
        image(config=descriptor("{}", "application/vnd.oci.empty.v1+json", data="e30=")),
        image(subject=None, annotations=None, artifactType=""),
        image(manifests=None, blobs=None),
        {**image(), "org.example.field": {"any": ["thing"]}},
        index(manifests=[]),
        index(manifests=None),
        index(config=None, layers=None),
        artifact(blobs=None),
        {"mediaType": OCI_ARTIFACT},
    ],
)
def test_unusual_documents_that_mean_one_thing_are_accepted(document: Document) -> None:
    assert parse(document, str(document["mediaType"])).media_type == document["mediaType"]


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "application/octet-stream", "Application/JSON; charset=utf-8"]
)
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (image(DOCKER_MANIFEST), DOCKER_MANIFEST),
        (index(DOCKER_LIST), DOCKER_LIST),
        (artifact(), OCI_ARTIFACT),
        (image(None), OCI_MANIFEST),
        (image(""), OCI_MANIFEST),
        (index(None), OCI_INDEX),
    ],
)
def test_content_type_that_says_nothing_leaves_it_to_the_document(
    content_type: str | None, document: Document, expected: str
) -> None:
    assert parse(document, content_type).media_type == expected


@pytest.mark.parametrize(
    ("document", "content_type"),
    [(image(None), DOCKER_MANIFEST), (index(None), DOCKER_LIST), (artifact(mediaType=None), OCI_ARTIFACT)],
)
def test_content_type_counts_where_the_document_says_nothing(document: Document, content_type: str) -> None:
    assert parse(document, content_type + "; charset=utf-8").media_type == content_type


@pytest.mark.parametrize("content_type", sorted(MANIFEST_TYPES))
@pytest.mark.parametrize("stated", sorted(MANIFEST_TYPES))
def test_content_type_and_document_must_agree(content_type: str, stated: str) -> None:
    document = image(stated) if stated in IMAGE_TYPES else index(stated) if stated in INDEX_TYPES else artifact()
    if content_type == stated:
        assert parse(document, content_type).media_type == stated
    else:
        with pytest.raises(ManifestInvalid, match="was pushed as"):
            parse(document, content_type)


@pytest.mark.parametrize(
    "document",
    [
        image(manifests=[]),
        image(manifests=[descriptor("amd64", OCI_MANIFEST)]),
        image(blobs=[]),
        index(layers=[]),
        index(config=descriptor("config", CONFIG)),
        index(blobs=[]),
        artifact(layers=[]),
        artifact(manifests=[]),
        artifact(config=descriptor("config", CONFIG)),
        index(OCI_MANIFEST),
        index(DOCKER_MANIFEST),
        image(OCI_INDEX),
        image(DOCKER_LIST),
        index(None, config=descriptor("config", CONFIG)),
        image(Layers=[descriptor("sbom")]),
        image(MANIFESTS=[]),
        {**index(), "manife\u017ft\u017f": []},
    ],
)
def test_document_of_two_meanings_is_refused(document: Document) -> None:
    with pytest.raises(ManifestInvalid):
        parse(document)


@pytest.mark.parametrize("content_type", [OCI_MANIFEST, OCI_INDEX])
def test_document_of_another_shape_than_its_content_type_is_refused(content_type: str) -> None:
    document = index(None) if content_type == OCI_MANIFEST else image(None)
    with pytest.raises(ManifestInvalid, match="cannot have"):
        parse(document, content_type)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        *(({"schemaVersion": 1, "fsLayers": []}, media_type) for media_type in sorted(SCHEMA1_TYPES)),
        ({"schemaVersion": 1, "fsLayers": []}, None),
        ({"schemaVersion": 1, "mediaType": next(iter(SCHEMA1_TYPES))}, "application/json"),
        (image(schemaVersion=1), OCI_MANIFEST),
    ],
)
def test_schema_1_is_refused_with_what_to_push_instead(document: Document, content_type: str | None) -> None:
    with pytest.raises(ManifestInvalid, match="push schema 2 or OCI"):
        parse(document, content_type)


@pytest.mark.parametrize("version", [None, 0, 3, -2, 2.0, "2", True, [2]])
def test_schema_version_is_2(version: object) -> None:
    for document in (image(schemaVersion=version), index(schemaVersion=version)):
        with pytest.raises(ManifestInvalid):
            parse(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schemaVersion": 2},
        image("application/vnd.example+json"),
        image("text/html"),
        image(CONFIG),
        {**image(), "mediaType": 1},
        {**image(), "mediaType": [OCI_MANIFEST]},
        {**image(), "mediaType": False},
        image(OCI_MANIFEST.upper()),
        artifact(mediaType=None),
        image(config=None),
        image(config="x"),
        image(config=[]),
        image(layers={}),
        image(layers="x"),
        image(layers=[None]),
        image(layers=[descriptor("one", digest="sha256:x")]),
        {"schemaVersion": 2, "mediaType": OCI_INDEX},
        index(manifests={}),
        index(manifests=[[]]),
        artifact(blobs={}),
        artifact(blobs=[1]),
        image(artifactType=1),
        image(artifactType="sbom"),
        image(subject={}),
        image(subject=str(digest("one"))),
        image(subject=descriptor("one", OCI_MANIFEST, digest="sha256:x")),
        index(subject=descriptor("one", "")),
        image(annotations=[]),
        image(annotations={"a": 1}),
        index(annotations={"a": None}),
    ],
)
def test_broken_documents_are_refused(document: Document) -> None:
    with pytest.raises(ManifestInvalid):
        parse(document)


@pytest.mark.parametrize("content_type", ["text/html", "application/vnd.example+json", "nonsense", "*/*"])
def test_content_type_that_is_no_manifest_is_refused(content_type: str) -> None:
    for document in (image(), image(None)):
        with pytest.raises(ManifestInvalid):
            parse(document, content_type)


def test_artifact_type_is_the_documents_own_or_that_of_the_configuration() -> None:
    assert parse(image(artifactType="example/own")).artifact_type == "example/own"
    assert parse(image()).artifact_type == CONFIG
    assert parse(index(artifactType="example/own")).artifact_type == "example/own"
    assert parse(artifact(artifactType=None)).artifact_type is None


@pytest.mark.parametrize("build", [image, index, artifact])
def test_subject_and_annotations_are_read_and_the_subject_is_no_reference(build: type[Document]) -> None:
    manifest = parse(build(subject=descriptor("subject", OCI_MANIFEST), annotations={"a": "b", "c": ""}))
    assert manifest.subject == digest("subject")
    assert manifest.annotations == {"a": "b", "c": ""}
    assert digest("subject") not in {found.digest for found in manifest.references}


def test_sha512_digests_are_references_too() -> None:
    content = Digest.of(b"one", "sha512")
    manifest = parse(image(layers=[descriptor("one", digest=str(content))]))
    assert manifest.references[1].digest == content


def test_manifest_as_large_as_the_conformance_program_pushes_is_read() -> None:
    layers = [descriptor(f"layer {number}", annotations={"padding": "x" * 10_000}) for number in range(390)]
    content = json.dumps(image(layers=layers)).encode()
    assert 3_900_000 < len(content) < MANIFEST_LIMIT
    assert len(Manifest.parse(OCI_MANIFEST, content).references) == 391


def test_list_has_4096_descriptors_at_most() -> None:
    layers = [descriptor("one")] * 4096
    assert len(parse(image(layers=layers)).references) == 2
    with pytest.raises(ManifestInvalid, match="4,096"):
        parse(image(layers=[*layers, descriptor("one")]))


def within(bounds: Bounds, document: Document) -> Manifest:
    return Manifest.parse(None, json.dumps(document).encode(), bounds)


THREE = [descriptor("one")] * 3


@pytest.mark.parametrize("document", [image(layers=THREE), index(manifests=THREE), artifact(blobs=THREE)])
def test_bound_of_descriptors_holds_for_every_list(document: Document) -> None:
    assert within(Bounds(descriptors=3), document).references
    with pytest.raises(ManifestInvalid, match="is not a list of at most 2 descriptors"):
        within(Bounds(descriptors=2), document)


def test_bounds_of_annotations_hold_for_the_manifest_and_for_each_descriptor() -> None:
    annotations = {"a": "é", "bc": ""}
    many, large = Bounds(annotations=1), Bounds(annotation_bytes=4)
    for document in (
        image(annotations=annotations),
        image(layers=[descriptor("one", annotations=annotations)]),
        image(config=descriptor("config", CONFIG, annotations=annotations)),
        image(subject=descriptor("subject", annotations=annotations)),
    ):
        assert within(Bounds(annotations=2, annotation_bytes=5), document).references
        with pytest.raises(ManifestInvalid, match="more than 1 annotations"):
            within(many, document)
        with pytest.raises(ManifestInvalid, match="annotations of more than 4 bytes"):
            within(large, document)


def test_bound_of_depth_counts_the_document_itself() -> None:
    document = image(other=[[{}]])
    assert within(Bounds(depth=4), document).references
    with pytest.raises(ManifestInvalid, match="deeper than 3 levels"):
        within(Bounds(depth=3), document)


ANY: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.text("a/é\x00", max_size=3) | st.just([]) | st.just({})
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "digest": ANY | st.just(str(digest("one"))),
        "size": ANY | st.just(3),
        "mediaType": ANY | st.sampled_from([LAYER, CONFIG, FOREIGN, *MANIFEST_TYPES]),
        "urls": ANY | st.lists(ANY, max_size=2),
        "data": ANY | st.just("b25l"),
        "annotations": ANY | st.dictionaries(st.text("ab"), ANY, max_size=2),
    },
)
ENTRIES = ANY | st.lists(ENTRY | st.just(descriptor("one")) | ANY, max_size=3)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": ANY | st.just(2),
        "mediaType": ANY | st.sampled_from(sorted(MANIFEST_TYPES | SCHEMA1_TYPES)),
        "artifactType": ANY,
        "config": ENTRY | ANY | st.just(descriptor("config", CONFIG)),
        "layers": ENTRIES,
        "manifests": ENTRIES,
        "blobs": ENTRIES,
        "subject": ENTRY | ANY,
        "annotations": ANY,
    },
)
CONTENT_TYPE = st.none() | st.text(max_size=10) | st.sampled_from(sorted(MANIFEST_TYPES | SCHEMA1_TYPES))


@settings(max_examples=150)
@given(CONTENT_TYPE, st.binary(max_size=40) | DOCUMENT.map(lambda document: json.dumps(document).encode()))
def test_no_bytes_get_another_error_out_of_a_manifest(content_type: str | None, content: bytes) -> None:
    try:
        manifest = Manifest.parse(content_type, content)
    except ManifestInvalid:
        return
    assert manifest.media_type in MANIFEST_TYPES


def test_referrer_is_described_without_what_it_lacks() -> None:
    plain = describe(digest=digest("one"), size=3, media_type=OCI_INDEX, artifact_type=None, annotations={})
    assert plain == {"mediaType": OCI_INDEX, "size": 3, "digest": str(digest("one"))}
    full = describe(
        digest=digest("one"), size=3, media_type=OCI_MANIFEST, artifact_type="example/sbom", annotations={"a": "é"}
    )
    assert full == {
        "mediaType": OCI_MANIFEST,
        "size": 3,
        "digest": str(digest("one")),
        "artifactType": "example/sbom",
        "annotations": {"a": "é"},
    }


def test_referrers_are_an_index_that_can_be_empty() -> None:
    assert json.loads(referrers_index([])) == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    one = describe(
        digest=digest("one"), size=3, media_type=OCI_MANIFEST, artifact_type="example/sbom", annotations={"a": "é"}
    )
    content = referrers_index([one])
    assert json.loads(content)["manifests"] == [one]
    assert Manifest.parse(OCI_INDEX, content).references[0].digest == digest("one")
