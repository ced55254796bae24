"""Images as values: made of files and settings, or as they were pulled (OCI image spec)."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.oci.media_types import OCI_INDEX, OCI_MANIFEST
from registry.oci.unpacking import unpack
from storage.digest import Digest

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_REMOVED = ".wh."  # layer.md, section "Whiteouts"
_REMOVED_ALL = ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, byte for byte as it is in the registry."""

    content: bytes = field(repr=False)
    media_type: str = LAYER_TYPE

    @classmethod
    def of(cls, files: Mapping[str, str | bytes], *, mode: int = 0o644) -> "Layer":
        """A layer with these files, by their paths; the same files always make the same bytes."""
        return cls(gzip.compress(_pack(files, mode), mtime=0))

    @property
    def digest(self) -> Digest:
        return Digest.of(self.content)

    @property
    def diff_id(self) -> Digest:
        """The digest without the compression. Raises `LayerUnreadable`."""
        return Digest.of(self._unpacked)

    def files(self) -> dict[str, bytes]:
        """The regular files by their paths, and marks of removed ones (`.wh.NAME`), as the layer has them.

        Raises `LayerUnreadable` or `tarfile.ReadError` for what is no archive.
        """
        with tarfile.open(fileobj=io.BytesIO(self._unpacked), mode="r:") as archive:
            contents = {member.name: archive.extractfile(member) for member in archive if _has_content(member)}
            return {name.removeprefix("./"): content.read() for name, content in contents.items() if content}

    @property
    def _unpacked(self) -> bytes:
        return b"".join(unpack([self.content]))


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with its config and layers, byte for byte as they are in the registry."""

    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    layers: tuple[Layer, ...]
    media_type: str = OCI_MANIFEST

    @classmethod
    def of(
        cls,
        *layers: Layer | Mapping[str, str | bytes],
        architecture: str = "amd64",
        os: str = "linux",
        annotations: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> "Image":
        """An image of these layers, each one or its files.

        `settings` are those of a container of it, by their names in config.md: `Cmd=["/app"]`, `Env=["A=1"]`,
        `Labels={...}`.
        """
        made = tuple(layer if isinstance(layer, Layer) else Layer.of(layer) for layer in layers)
        config = _json(
            {
                "architecture": architecture,
                "os": os,
                "config": settings,
                "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in made]},
            }
        )
        manifest: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(layer.media_type, layer.content) for layer in made],
        }
        return cls(_json(manifest | ({"annotations": dict(annotations)} if annotations else {})), config, made)

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)

    @property
    def document(self) -> dict[str, Any]:
        """The manifest as JSON."""
        return _object(self.manifest)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a container of it, such as `Cmd` and `Labels`."""
        return dict(_object(self.config).get("config") or {})

    @property
    def platform(self) -> str:
        """Such as `linux/amd64`, with the variant where there is one."""
        config = _object(self.config)
        return "/".join(filter(None, (config.get("os"), config.get("architecture"), config.get("variant"))))

    def files(self) -> dict[str, bytes]:
        """The regular files that a container of it sees, by their paths. Raises as `Layer.files` does."""
        seen: dict[str, bytes] = {}
        for layer in self.layers:
            found = layer.files()
            for path in found:
                _take_away(seen, path)
            seen |= {path: content for path, content in found.items() if not _name(path).startswith(_REMOVED)}
        return seen


@dataclass(frozen=True, slots=True)
class Index:
    """Several images under one name, one for each platform."""

    manifest: bytes = field(repr=False)
    images: tuple[Image, ...]
    media_type: str = OCI_INDEX

    @classmethod
    def of(cls, *images: Image) -> "Index":
        entries = [
            _descriptor(image.media_type, image.manifest) | {"platform": _platform(image.platform)} for image in images
        ]
        return cls(_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), images)

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def _pack(files: Mapping[str, str | bytes], mode: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _has_content(member: tarfile.TarInfo) -> bool:
    return member.isreg() or member.islnk()


def _take_away(seen: dict[str, bytes], path: str) -> None:
    """Take from `seen` what the entry `path` of a later layer removes or stands in place of."""
    folder, name = path.rpartition("/")[0], _name(path)
    if name == _REMOVED_ALL:
        gone = folder
    elif name.startswith(_REMOVED):
        gone = "/".join(filter(None, (folder, name.removeprefix(_REMOVED))))
    else:
        gone = path
    for each in [each for each in seen if not gone or each == gone or each.startswith(f"{gone}/")]:
        del seen[each]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _json(document: Mapping[str, object] | Sequence[object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _object(content: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(content)
    return document
