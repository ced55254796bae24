"""Images, indexes and charts for the tests of the management API."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from storage.digest import Digest
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry

CONFIG = {
    "architecture": "arm64",
    "os": "linux",
    "author": "pat",
    "created": "2026-01-02T03:04:05Z",
    "config": {"Env": ["A=1"]},
    "history": [{"created_by": "COPY . ."}],
    "rootfs": {"type": "layers", "diff_ids": []},
}
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CHART_CONFIG_TYPE = "application/vnd.cncf.helm.config.v1+json"
CHART_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": str(Digest.of(content)), "size": len(content)}


def push(
    registry: Registry,
    repository: str,
    reference: str | None = None,
    *,
    config: object = CONFIG,
    config_type: str = CONFIG_TYPE,
    layers: Mapping[bytes, str] | None = None,
    **more: object,
) -> dict[str, Any]:
    """Push an artifact, without a tag when there is no reference; gives its descriptor."""
    content = json.dumps(config).encode()
    layers = {b"layer": LAYER_TYPE} if layers is None else layers
    for blob in (content, *layers):
        registry.push_blob(repository, blob)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": described(config_type, content),
        "layers": [described(kind, layer) for layer, kind in layers.items()],
        **more,
    }
    return put(registry, repository, reference, document)


def push_index(
    registry: Registry, repository: str, reference: str | None, *children: dict[str, Any], **more: object
) -> dict[str, Any]:
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": children, **more}
    return put(registry, repository, reference, document)


def put(registry: Registry, repository: str, reference: str | None, document: dict[str, Any]) -> dict[str, Any]:
    manifest = json.dumps(document).encode()
    kind = document["mediaType"]
    address = f"/v2/{repository}/manifests/{reference or Digest.of(manifest)}"
    response = registry.client("admin").put(address, content=manifest, headers={"Content-Type": kind})
    assert response.status_code == 201, response.text
    return described(kind, manifest)


def chart(**files: str) -> bytes:
    """A packed chart `app`; a `_` in a name stands for a dot."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"app/{name.replace('_', '.')}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()
