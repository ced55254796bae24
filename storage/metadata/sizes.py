"""The largest artifacts, and those of them that nobody pulls."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from storage.metadata.management_tables import artifact_details
from storage.metadata.sights import Sight
from storage.metadata.tables import manifests, repositories, tags


@dataclass(frozen=True, slots=True)
class SizedArtifact:
    """`tag` is the first of its tags; `size` is in bytes, with all that it names, and `pulled_at` in milliseconds."""

    repository: str
    digest: str
    tag: str | None
    size: int
    pulled_at: int | None


_FIRST_TAG = select(func.min(tags.c.name)).where(tags.c.manifest_id == manifests.c.id).scalar_subquery()


def list_largest(tx: Connection, sight: Sight, *, count: int) -> list[SizedArtifact]:
    """Up to `count` artifacts within the sight, the largest first."""
    return _found(tx, _of(_largest(sight).limit(count)))


def list_unpulled(tx: Connection, sight: Sight, before: int, *, among: int, count: int) -> list[SizedArtifact]:
    """Up to `count` of the `among` largest that were neither pushed nor pulled since then, the largest first."""
    largest = _largest(sight).limit(among).subquery()
    is_old = func.coalesce(artifact_details.c.pulled_at, manifests.c.created_at) < before
    unpulled = (
        select(manifests.c.id)
        .where(manifests.c.id.in_(select(largest.c.id)), manifests.c.created_at < before, is_old)
        .outerjoin(artifact_details, artifact_details.c.manifest_id == manifests.c.id)
        .order_by(manifests.c.total_size.desc())
    )
    return _found(tx, _of(unpulled.limit(count)))


def _largest(sight: Sight) -> Select[tuple[int]]:
    chosen = select(manifests.c.id).where(manifests.c.deleted_at.is_(None), manifests.c.total_size.is_not(None))
    if not sight.everything:
        seen = sight.projects()
        of = repositories.c.project_id.in_(seen)
        chosen = chosen.join(repositories, repositories.c.id == manifests.c.repository_id).where(of)
    return chosen.order_by(manifests.c.total_size.desc())


def _of(ids: Select[tuple[int]]) -> Select[Any]:
    return (
        select(
            repositories.c.name,
            manifests.c.digest,
            _FIRST_TAG,
            manifests.c.total_size,
            artifact_details.c.pulled_at,
        )
        .join(repositories, repositories.c.id == manifests.c.repository_id)
        .outerjoin(artifact_details, artifact_details.c.manifest_id == manifests.c.id)
        .where(manifests.c.id.in_(select(ids.subquery().c.id)))
        .order_by(manifests.c.total_size.desc(), manifests.c.id)
    )


def _found(tx: Connection, chosen: Select[Any]) -> list[SizedArtifact]:
    return [SizedArtifact(*row) for row in tx.execute(chosen)]
