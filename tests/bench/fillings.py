"""Puts much into a registry at once, the way it keeps it, since to push that would take hours."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select

from registry.config import Config
from storage.clock import now_ms
from storage.metadata import projects, repositories, tables, usage
from storage.metadata.database import Database, Transaction, insert_many
from tests.bench.images import MANIFEST_TYPE, Image
from tests.bench.peers import PROJECT, NotMeasured, Server

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_BATCH = 20_000


def fill(server: Server, image: Image, names: Sequence[str], each: int) -> None:
    """Make repositories with so many tags each. Raises `NotMeasured` where that cannot be done.

    In peers all tags are of `image`. In Cove each has a manifest of its own, and that a blob whose bytes are not there.
    """
    data = server.folder / "data"
    if server.kind.has_accounts:
        _fill_cove(data, names, each)
    elif server.bucket:
        raise NotMeasured("its bucket cannot be filled from outside")
    elif server.kind.name == "olareg":
        for name in names:
            _fill_layout(data / name, image, each)
    else:
        for name in names:
            _fill_folder(data / "docker/registry/v2/repositories" / name, image, each)


def _tags(each: int) -> Iterator[str]:
    return (f"v{number:07}" for number in range(each))


def _fill_folder(folder: Path, image: Image, each: int) -> None:
    (folder / "_layers").mkdir(parents=True)
    link = image.digest.replace(":", "/")
    for place in (f"revisions/{link}", *(f"tags/{tag}/current" for tag in _tags(each))):
        (folder / "_manifests" / place).mkdir(parents=True)
        (folder / "_manifests" / place / "link").write_text(image.digest)


def _fill_layout(folder: Path, image: Image, each: int) -> None:
    algorithm, _, name = image.digest.partition(":")
    (folder / "blobs" / algorithm).mkdir(parents=True)
    (folder / "blobs" / algorithm / name).write_bytes(image.manifest)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    descriptor = {"mediaType": MANIFEST_TYPE, "digest": image.digest, "size": len(image.manifest)}
    tagged = [{**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}} for tag in _tags(each)]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": tagged}))


def _fill_cove(data: Path, names: Sequence[str], each: int) -> None:
    with closing(Database.open(Config(data=data).database_path)) as database:
        with database.write() as tx:
            project = projects.find(tx, PROJECT)
            assert project
            found = [repositories.get_or_create(tx, project.id, name, now_ms()).id for name in names]
        pairs = [(repository, tag) for repository in found for tag in _tags(each)]
        add_tags(database, pairs)
        with database.write() as tx:
            usage.correct(tx, project.id)


def add_tags(database: Database, pairs: Sequence[tuple[int, str]]) -> None:
    """Tags, each as a repository's id and a name, and all that belongs to them but what is counted of them."""
    for start in range(0, len(pairs), _BATCH):
        with database.write(durable=False) as tx:
            _add(tx, pairs[start : start + _BATCH])


def _add(tx: Transaction, tags: Sequence[tuple[int, str]]) -> None:
    blob, manifest = (_next_id(tx, table) for table in (tables.blobs, tables.manifests))
    rows = [_rows(blob + number, manifest + number, *tag) for number, tag in enumerate(tags)]
    for table in rows[0]:
        insert_many(tx, table, [row[table] for row in rows])


def _next_id(tx: Transaction, table: Table) -> int:
    return (tx.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def _rows(blob_id: int, manifest_id: int, repository_id: int, tag: str) -> dict[Any, dict[str, object]]:
    """A row for each table."""
    blob, now, here = _digest(f"{repository_id} {tag}".encode()), now_ms(), {"repository_id": repository_id}
    config = {"mediaType": CONFIG_TYPE, "digest": blob, "size": 1}
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": []}
    content = json.dumps(document).encode()
    manifest = {"digest": _digest(content), "content": content, "size": len(content), "media_type": MANIFEST_TYPE}
    nature = {"kind": "IMAGE", "config_media_type": CONFIG_TYPE, "total_size": len(content) + 1}
    return {
        tables.blobs: {"id": blob_id, "digest": blob, "size": 1, "location": f"filled/{blob}", "created_at": now},
        tables.repository_blobs: {**here, "blob_id": blob_id},
        tables.manifests: {**here, **manifest, **nature, "id": manifest_id, "annotations": "{}", "created_at": now},
        tables.manifest_references: {**here, "manifest_id": manifest_id, "digest": blob, "is_manifest": False},
        tables.tags: {**here, "name": tag, "manifest_id": manifest_id, "updated_at": now},
        tables.tag_changes: {**here, "tag": tag, "digest": manifest["digest"], "changed_at": now},
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
