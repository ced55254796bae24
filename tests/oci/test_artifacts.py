"""What a manifest is of."""

import pytest

from registry.oci.artifacts import ATTRIBUTES_LIMIT, accessory_kind, attributes_of, children_of, kind_of
from registry.oci.media_types import OCI_INDEX, OCI_MANIFEST

IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"


@pytest.mark.parametrize(
    ("media_type", "config_type", "artifact_type", "kind"),
    [
        (OCI_MANIFEST, IMAGE_CONFIG, None, "IMAGE"),
        (OCI_MANIFEST, "application/vnd.docker.container.image.v1+json", None, "IMAGE"),
        (OCI_MANIFEST, "application/vnd.cncf.helm.config.v1+json", None, "CHART"),
        (OCI_MANIFEST, "application/vnd.acme.rocket.config.v1+json", None, "ROCKET"),
        (OCI_MANIFEST, EMPTY, "application/vnd.acme.rocket.config.v1+json", "ROCKET"),
        (OCI_MANIFEST, EMPTY, "application/spdx+json", "UNKNOWN"),
        (OCI_MANIFEST, "text/plain", None, "UNKNOWN"),
        (OCI_MANIFEST, None, None, "UNKNOWN"),
        (OCI_INDEX, None, None, "IMAGE"),
        (OCI_INDEX, None, "application/vnd.acme.rocket.config.v1+json", "ROCKET"),
    ],
)
def test_media_types_tell_the_kind(
    media_type: str, config_type: str | None, artifact_type: str | None, kind: str
) -> None:
    assert kind_of(media_type, config_type, artifact_type) == kind


@pytest.mark.parametrize(
    ("artifact_type", "tag", "kind"),
    [
        ("application/vnd.dev.cosign.artifact.sig.v1+json", None, "signature.cosign"),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", None, "signature.cosign"),
        (IMAGE_CONFIG, f"sha256-{'0' * 64}.sig", "signature.cosign"),
        (IMAGE_CONFIG, f"sha256-{'0' * 64}.att", "subject.accessory"),
        ("application/vnd.cncf.notary.signature", None, "signature.notation"),
        ("application/vnd.goharbor.harbor.sbom.v1", None, "sbom.harbor"),
        ("application/vnd.nydus.image", None, "accelerator.nydus"),
        (None, None, "subject.accessory"),
    ],
)
def test_types_and_tag_tell_what_an_accessory_is(artifact_type: str | None, tag: str | None, kind: str) -> None:
    assert accessory_kind(artifact_type, None, tag) == kind


def test_large_settings_of_an_image_are_left_out_and_the_rest_stays() -> None:
    config = b'{"os":"linux","config":{"Cmd":["%s"]}}' % (b"x" * ATTRIBUTES_LIMIT)
    assert attributes_of("IMAGE", config) == {"os": "linux"}
    assert attributes_of("CHART", config) == {}


@pytest.mark.parametrize("config", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_config_that_is_no_json_object_tells_nothing(config: bytes) -> None:
    assert attributes_of("IMAGE", config) == {}


def test_platform_that_is_none_is_not_told() -> None:
    (child,) = children_of(b'{"manifests":[{"digest":"sha256:x","platform":{"os":1},"urls":null}]}')
    assert (child.digest, child.platform, child.urls) == ("sha256:x", None, ())
    assert children_of(b'{"manifests":null}') == []
