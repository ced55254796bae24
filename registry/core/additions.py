"""What can be asked for beside an artifact: how an image was built, and what is in a chart."""

import io
import tarfile
import zlib
from collections.abc import Sequence

import msgspec

from registry.core.artifacts import Artifacts, must_exist
from registry.core.repositories import Repository
from registry.errors import BadQuery, NotFound
from registry.oci.artifacts import additions_of
from registry.oci.names import Reference
from storage.metadata import manifests
from storage.metadata.artifacts import ArtifactRecord
from storage.metadata.database import Database

CHART_LAYERS = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")
_PACKED_LIMIT, _UNPACKED_LIMIT = 16 << 20, 32 << 20  # bytes of a chart
_FILE_LIMIT = 4 << 20  # bytes of one of its files
_GZIP = 31  # zlib: the format of gzip
_JSON, _YAML, _MARKDOWN = "application/json", "text/plain", "text/markdown"


class _Layer(msgspec.Struct):
    digest: str
    media_type: str = msgspec.field(name="mediaType", default="")


class _Document(msgspec.Struct):
    layers: list[_Layer] | None = None


class _Config(msgspec.Struct):
    """Of the config of an image or a chart, what is told beside it."""

    history: list[dict[str, object]] | None = None
    dependencies: list[dict[str, object]] | None = None


class Additions:
    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self._database = database
        self._artifacts = artifacts

    def read(self, repository: Repository, reference: Reference, name: str) -> tuple[bytes, str]:
        """Its content and media type. Raises `NameUnknown`, `ManifestUnknown`, `BadQuery` for what artifacts of the
        kind do not have, and `NotFound` where this one has none.
        """
        with self._database.read() as tx:
            record = must_exist(tx, repository, reference)
        name = name.lower()
        if name not in additions_of(record.kind or "", record.media_type):
            raise BadQuery(f"bad request: the addition {name[:40]} isn't supported for {record.kind}(manifest)")
        if name in ("build_history", "dependencies"):
            config = self._config(repository, record)
            return msgspec.json.encode(
                (config.history if name == "build_history" else config.dependencies) or []
            ), _JSON
        content = _file_of(self._chart(repository, record), name)
        if content is None:
            raise NotFound(f"{name} not found in {record.repository}@{record.digest}")
        return content, _MARKDOWN if name.endswith(".md") else _YAML

    def _config(self, repository: Repository, record: ArtifactRecord) -> _Config:
        try:
            return msgspec.json.decode(self._artifacts.read_config(repository.project, record) or b"{}", type=_Config)
        except msgspec.DecodeError:
            return _Config()

    def _chart(self, repository: Repository, record: ArtifactRecord) -> bytes:
        """The packed chart, or as much of it as is looked into."""
        with self._database.read() as tx:
            layers = msgspec.json.decode(manifests.content(tx, record.id), type=_Document).layers
        digest = _chart_layer(layers or ())
        packed = self._artifacts.read_blob(repository.project, record, digest, _PACKED_LIMIT) if digest else None
        return packed or b""


def _chart_layer(layers: Sequence[_Layer]) -> str | None:
    return next((layer.digest for layer in layers if layer.media_type in CHART_LAYERS), None)


def _file_of(packed: bytes, name: str) -> bytes | None:
    """A file of the chart itself, and not of one that it depends on; None where there is none, or one too large.

    What was pushed as a chart may be anything: no more of it is unpacked than a chart could have.
    """
    try:
        unpacked = zlib.decompressobj(_GZIP).decompress(packed, _UNPACKED_LIMIT)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            for member in archive:
                folder, _, file = member.name.removeprefix("./").partition("/")
                if folder and file.lower() == name and member.isfile() and member.size <= _FILE_LIMIT:
                    opened = archive.extractfile(member)
                    return opened.read() if opened else None
    except (tarfile.TarError, zlib.error):
        return None
    return None
