"""What lists tell of manifests that were there before lists told it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from registry.core.natures import fill_in
from storage.digest import Digest
from storage.metadata import artifacts, manifests, projects, repositories
from storage.metadata.artifacts import ArtifactRecord
from storage.metadata.database import Database
from tests.core.images import IMAGE_TYPE, INDEX_TYPE, image, index


@pytest.fixture
def database(empty_records: Path, tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(Path(copy(empty_records, tmp_path / "cove.db")))) as database:
        yield database


def test_old_manifests_get_their_kind_and_size_once(database: Database) -> None:
    child = image(b"config", b"layer" * 10)
    contents = {IMAGE_TYPE: child, INDEX_TYPE: index(child), "text/plain": b"what it was is lost"}
    ids = []
    with database.write() as tx:
        project = projects.add(tx, "team", is_public=False, now=1)
        row = repositories.get_or_create(tx, project.id, "team/app", 1)
        for media_type, content in contents.items():
            digest = str(Digest.of(content))
            usual: dict[str, Any] = {
                "artifact_type": None,
                "subject": None,
                "annotations": {},
                "references": {},
                "now": 1,
            }
            ids.append(manifests.add(tx, row.id, digest=digest, media_type=media_type, content=content, **usual))
    assert fill_in(database) == 3
    assert fill_in(database) == 0
    with database.read() as tx:
        found = [artifacts.find(tx, manifest_id) for manifest_id in ids]
    size = len(child) + len(b"config") + 50
    assert [told(each) for each in found] == [
        ("IMAGE", size),
        ("IMAGE", size + len(index(child))),
        ("UNKNOWN", len(b"what it was is lost")),
    ]


def told(record: ArtifactRecord | None) -> tuple[str | None, int]:
    assert record
    return record.kind, record.size
