import pytest

from registry.oci import media_types
from registry.oci.media_types import essence, is_distributable, is_media_type, names_manifest


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (";charset=utf-8", None),
        (media_types.OCI_INDEX, media_types.OCI_INDEX),
        (f"{media_types.OCI_INDEX}; charset=utf-8", media_types.OCI_INDEX),
        (f" {media_types.OCI_INDEX}\t;a=b;c=d", media_types.OCI_INDEX),
        ("Application/JSON", "application/json"),
    ],
)
def test_content_type_is_compared_without_parameters_and_case(header: str | None, expected: str | None) -> None:
    assert essence(header) == expected


@pytest.mark.parametrize(
    "text",
    [
        "application/json",
        "text/spdx",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "a/b",
        "a/" + "b" * 127,
    ],
)
def test_types_found_in_manifests_are_media_types(text: str) -> None:
    assert is_media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "json",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "a/b\n",
        "a b/c",
        "a/b;\n",
        "é/b",
        ".a/b",
        "a/" + "b" * 128,
        "a/b;" + "c" * 252,
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert not is_media_type(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip", True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", False),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", True),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", False),
    ],
)
def test_foreign_layers_are_known_by_their_type(text: str, expected: bool) -> None:
    assert is_distributable(text) is expected


@pytest.mark.parametrize("text", sorted(media_types.MANIFEST_TYPES | media_types.SCHEMA1_TYPES))
def test_children_of_manifest_types_are_manifests(text: str) -> None:
    assert names_manifest(text)
    assert names_manifest(text.upper() + ";a=b")


@pytest.mark.parametrize("text", ["application/vnd.oci.image.layer.v1.tar+gzip", "application/json"])
def test_children_of_other_types_are_blobs(text: str) -> None:
    assert not names_manifest(text)
