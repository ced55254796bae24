import base64

import pytest

from registry.errors import ManifestInvalid
from registry.oci.descriptors import Descriptor, must_be_spelled, parse_descriptor
from storage.digest import Digest

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DIGEST = Digest.of(b"content")


def entry(**changes: object) -> dict[str, object]:
    return {"mediaType": LAYER, "digest": str(DIGEST), "size": 7, **changes}


def test_descriptor_is_that_of_a_required_blob() -> None:
    assert parse_descriptor(entry(), "here") == Descriptor(DIGEST, 7, LAYER, "blob", required=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"urls": None, "data": None, "annotations": None},
        {"urls": []},
        {"annotations": {}},
        {"annotations": {"a": ""}},
        {"size": 0},
        {"size": 2**53},
        {"digest": str(Digest.of(b"content", "sha512"))},
        {"platform": {"os": "linux"}, "artifactType": "a/b", "something": [1]},
        {"data": base64.b64encode(b"content").decode()},
        {"data": "", "size": 0, "digest": str(Digest.of(b""))},
        {
            "data": base64.b64encode(b"content").decode(),
            "digest": str(Digest.of(b"content", "sha512")),
        },
    ],
)
def test_descriptor_may_have_all_that_the_spec_allows(changes: dict[str, object]) -> None:
    found = parse_descriptor(entry(**changes), "here")
    assert (str(found.digest), found.size, found.required) == (
        changes.get("digest", str(DIGEST)),
        changes.get("size", 7),
        True,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"urls": ["https://example.com/layer"]},
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
    ],
)
def test_foreign_layer_is_not_required(changes: dict[str, object]) -> None:
    assert not parse_descriptor(entry(**changes), "here").required


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {"digest": str(DIGEST)}, {"size": 1, "mediaType": LAYER}])
def test_what_is_no_descriptor_is_refused(value: object) -> None:
    with pytest.raises(ManifestInvalid, match="layers\\[3\\]"):
        parse_descriptor(value, "layers[3]")


@pytest.mark.parametrize(
    "changes",
    [
        {"size": -1},
        {"size": 2**53 + 1},
        {"size": 7.0},
        {"size": True},
        {"size": "7"},
        {"size": None},
        {"digest": None},
        {"digest": "sha256:abc"},
        {"digest": "../../etc/passwd"},
        {"digest": str(DIGEST).upper()},
        {"digest": str(DIGEST) + "\n"},
        {"digest": 1},
        {"mediaType": None},
        {"mediaType": ""},
        {"mediaType": "layer"},
        {"mediaType": "a/b\n"},
        {"mediaType": "a/" + "b" * 254},
        {"mediaType": [LAYER]},
        {"urls": "https://example.com"},
        {"urls": [1]},
        {"urls": {}},
        {"annotations": []},
        {"annotations": {"a": 1}},
        {"annotations": {"a": None}},
        {"data": 1},
        {"data": "%%%"},
        {"data": "é"},
        {"data": "Y29udGVudA"},
        {"data": "Y29udGVudA==\n"},
        {"data": base64.b64encode(b"another").decode()},
        {"data": base64.b64encode(b"content!").decode()},
        {"data": base64.b64encode(b"content").decode(), "size": 8},
        {"data": ""},
        {"Digest": str(DIGEST)},
        {"SIZE": 7},
        {"url\u017f": ["https://example.com"]},
    ],
)
def test_descriptor_with_a_bad_field_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ManifestInvalid, match="here"):
        parse_descriptor(entry(**changes), "here")


def test_field_that_only_some_clients_would_read_is_refused() -> None:
    must_be_spelled({"layers": 1, "other": 2}, frozenset({"layers"}), "here")
    with pytest.raises(ManifestInvalid, match="Layers"):
        must_be_spelled({"layers": 1, "Layers": 2}, frozenset({"layers"}), "here")
