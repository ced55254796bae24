"""Finding artifacts and tags wherever they are, by their digests and names."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, or_, select, true

from storage.metadata.sights import Sight
from storage.metadata.tables import manifests, repositories, tags

_AFTER_ALL = chr(0x7F)  # is after any character that names of tags and digests have


@dataclass(frozen=True, slots=True)
class FoundArtifact:
    """`repository` is the whole name, with the project's."""

    repository: str
    digest: str


@dataclass(frozen=True, slots=True)
class FoundTag:
    """As `FoundArtifact`."""

    repository: str
    tag: str


def find_artifacts(tx: Connection, sight: Sight, digest: str, *, count: int) -> list[FoundArtifact]:
    """Up to `count` artifacts within the sight whose digests begin so."""
    chosen = (
        select(repositories.c.name, manifests.c.digest)
        .join(repositories, repositories.c.id == manifests.c.repository_id)
        .where(_begins(manifests.c.digest, digest), manifests.c.deleted_at.is_(None))
    )
    within = _within(chosen, sight).order_by(manifests.c.digest, repositories.c.name)
    return [FoundArtifact(*row) for row in tx.execute(within.limit(count))]


def find_tags(tx: Connection, sight: Sight, repository: str, tag: str, *, count: int) -> list[FoundTag]:
    """Up to `count` tags within the sight that begin so, in the repository of that name or at the end of that path."""
    named = or_(repositories.c.name == repository, repositories.c.name.endswith(f"/{repository}", autoescape=True))
    chosen = (
        select(repositories.c.name, tags.c.name)
        .join(repositories, repositories.c.id == tags.c.repository_id)
        .where(named, _begins(tags.c.name, tag))
    )
    within = _within(chosen, sight).order_by(repositories.c.name, tags.c.name)
    return [FoundTag(*row) for row in tx.execute(within.limit(count))]


def _begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return (column >= text) & (column < text + _AFTER_ALL)


def _within(chosen: Select[Any], sight: Sight) -> Select[Any]:
    seen = sight.projects()
    return chosen.where(true() if sight.everything else repositories.c.project_id.in_(seen))
