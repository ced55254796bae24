"""The storage of docker-distribution, made by hand so that it can be damaged in every way."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.oci import media_types
from storage.digest import Digest
from storage.legacy import blob_location

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


def descriptor(content: bytes, media_type: str = LAYER_TYPE, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content), **more}


def image(config: bytes, *layers: bytes, **more: object) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": descriptor(config, CONFIG_TYPE),
        "layers": [descriptor(layer) for layer in layers],
    }
    return json.dumps(document | more).encode()


def index(*children: bytes, **more: Any) -> bytes:
    listed = [descriptor(child, media_types.OCI_MANIFEST) for child in children]
    return json.dumps(
        {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": listed, **more}, indent=1
    ).encode()


@dataclass(frozen=True, slots=True)
class Tree:
    """A storage at `root`; every method gives the file that it wrote."""

    root: Path

    @property
    def repositories(self) -> Path:
        return self.root / "docker" / "registry" / "v2" / "repositories"

    def blob(self, content: bytes, algorithm: str = "sha256") -> Path:
        return _write(self.file(Digest.of(content, algorithm)), content)

    def file(self, digest: Digest) -> Path:
        return self.root / blob_location(digest)

    def layer(self, name: str, content: bytes) -> Path:
        """A link to a blob, and the blob."""
        self.blob(content)
        return self.link(f"{name}/_layers", Digest.of(content))

    def manifest(self, name: str, content: bytes) -> Path:
        """A link to a manifest, and the manifest."""
        self.blob(content)
        return self.link(f"{name}/_manifests/revisions", Digest.of(content))

    def tag(self, name: str, tag: str, content: bytes) -> Path:
        folder = self.repositories / name / "_manifests" / "tags" / tag
        return _write(folder / "current" / "link", str(Digest.of(content)).encode())

    def link(self, folder: str, digest: Digest) -> Path:
        return _write(self.repositories / folder / digest.algorithm / digest.hex / "link", f"{digest}".encode())

    def push(self, name: str, tag: str, *layers: bytes) -> bytes:
        """What a push of an image leaves behind; gives the manifest. The configuration is empty."""
        for content in (b"{}", *layers):
            self.layer(name, content)
        content = image(b"{}", *layers)
        self.manifest(name, content)
        self.tag(name, tag, content)
        return content

    def snapshot(self) -> dict[str, tuple[int, int]]:
        """Inode and time of last change of every file."""
        return {str(file): (file.lstat().st_ino, file.lstat().st_mtime_ns) for file in self.root.rglob("*")}


def date(link: Path, milliseconds: int) -> None:
    """Let a link have been written at that time, since 1970."""
    os.utime(link, ns=(milliseconds * 1_000_000, milliseconds * 1_000_000))


def _write(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file
