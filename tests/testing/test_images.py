"""Images as values: what they are made of, and what a container of one sees."""

import io
import json
import tarfile

import pytest

from registry.oci.manifests import Manifest
from registry.oci.unpacking import LayerUnreadable
from registry.testing import Image, Index, Layer


def test_same_files_make_the_same_image() -> None:
    assert Image.of({"a": "1", "b/c": b"2"}).digest == Image.of({"a": "1", "b/c": b"2"}).digest
    assert Image.of({"a": "1"}).digest != Image.of({"a": "2"}).digest


def test_image_is_one_by_the_rules_of_the_registry() -> None:
    image = Image.of({"a": "1"}, {"b": "2"}, annotations={"org.opencontainers.image.title": "two"})
    manifest = Manifest.parse(image.media_type, image.manifest)
    assert [str(named.digest) for named in manifest.references] == [
        image.document["config"]["digest"],
        *(str(layer.digest) for layer in image.layers),
    ]
    assert manifest.annotations == {"org.opencontainers.image.title": "two"}


def test_config_names_the_layers_without_their_compression() -> None:
    image = Image.of({"a": "1"})
    [diff_id] = json.loads(image.config)["rootfs"]["diff_ids"]
    assert diff_id == str(image.layers[0].diff_id)
    assert diff_id != str(image.layers[0].digest)


def test_settings_of_a_container_and_platform_are_told() -> None:
    image = Image.of({}, architecture="arm64", Cmd=["/app"], Labels={"team": "a"})
    assert image.settings == {"Cmd": ["/app"], "Labels": {"team": "a"}}
    assert image.platform == "linux/arm64"


def test_files_of_a_later_layer_stand_in_place_of_earlier_ones() -> None:
    image = Image.of({"a": "1", "b": "1"}, {"/a": "2"})
    assert image.files() == {"a": b"2", "b": b"1"}


@pytest.mark.parametrize(
    ("later", "left"),
    [
        ({"etc/.wh.b": ""}, {"etc/a", "c"}),
        ({".wh.etc": ""}, {"c"}),
        ({"etc/.wh..wh..opq": "", "etc/d": ""}, {"c", "etc/d"}),
        ({".wh..wh..opq": ""}, set()),
        ({"etc": "a file where a folder was"}, {"etc", "c"}),
        ({"etc/.wh.nothing": ""}, {"etc/a", "etc/b", "c"}),
    ],
)
def test_what_a_later_layer_removes_is_not_seen(later: dict[str, str], left: set[str]) -> None:
    assert Image.of({"etc/a": "", "etc/b": "", "c": ""}, later).files().keys() == left


def test_hard_links_have_the_content_of_what_they_link_to() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        first, second = tarfile.TarInfo("./a"), tarfile.TarInfo("./b")
        first.size, second.type, second.linkname = 1, tarfile.LNKTYPE, "./a"
        archive.addfile(first, io.BytesIO(b"1"))
        archive.addfile(second)
    assert Layer(packed.getvalue()).files() == {"a": b"1", "b": b"1"}


def test_layer_may_be_executable() -> None:
    content = Layer.of({"app": "#!/bin/sh"}, mode=0o755).content
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getmember("app").mode == 0o755


def test_damaged_layer_is_told() -> None:
    content = Layer.of({"a": "1" * 1000}).content
    with pytest.raises(LayerUnreadable):
        Layer(content[:40]).files()
    with pytest.raises(tarfile.ReadError):
        Layer(b"no archive").files()


def test_index_has_an_entry_for_each_platform() -> None:
    images = Image.of({"a": "1"}), Image.of({"a": "2"}, architecture="arm64")
    index = Index.of(*images)
    entries = json.loads(index.manifest)["manifests"]
    assert [entry["platform"] for entry in entries] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64"},
    ]
    assert [entry["digest"] for entry in entries] == [str(image.digest) for image in images]
