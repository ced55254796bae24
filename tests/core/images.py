"""Documents that tests push."""

import json

from storage.digest import Digest

IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def descriptor(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": str(Digest.of(content)), "size": len(content)}


def image(config: bytes, *layers: bytes, subject: bytes | None = None) -> bytes:
    """A manifest of an image; `subject` is the manifest that it is about."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPE,
        "config": descriptor(CONFIG_TYPE, config),
        "layers": [descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    if subject is not None:
        document["subject"] = descriptor(IMAGE_TYPE, subject)
    return json.dumps(document).encode()


def index(*images: bytes) -> bytes:
    manifests = [descriptor(IMAGE_TYPE, each) for each in images]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}).encode()
