"""How often, and when last, artifacts and tags were pulled."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from storage.metadata.database import upsert
from storage.metadata.management_tables import artifact_details
from storage.metadata.manifests import IS_NAMED
from storage.metadata.repositories import RepositoryRecord
from storage.metadata.tables import manifests, repositories, tags


@dataclass(frozen=True, slots=True)
class PullCount:
    """A manifest was pulled so many times, by this tag or by its digest, the last time at `at`, in milliseconds; None
    for a time that is not to be kept.
    """

    manifest: int
    tag: str | None
    count: int
    at: int | None


_THIS = manifests.c.id == bindparam("manifest")
# The platform's own image comes after the index that was pulled, and by its digest: that is one pull and not two.
_PULLED_REPOSITORY = select(manifests.c.repository_id).where(_THIS, manifests.c.untagged_at.is_(None) | ~IS_NAMED)
_COUNT = (
    update(repositories)
    .where(repositories.c.id == _PULLED_REPOSITORY.scalar_subquery())
    .values(pull_count=repositories.c.pull_count + bindparam("count"))
)
_DATE_TAG = (
    update(tags)
    .where(tags.c.manifest_id == bindparam("manifest"), tags.c.name == bindparam("tag"))
    .values(pulled_at=bindparam("at"))
)


def add(tx: Connection, counts: Sequence[PullCount]) -> None:
    """Count pulls; those of manifests that are gone by now are nowhere to be counted."""
    rows = [asdict(each) for each in counts]
    own = select(manifests.c.id, bindparam("at", type_=BigInteger), bindparam("count")).where(_THIS)
    insertion = upsert(tx.dialect.name, artifact_details).from_select(["manifest_id", "pulled_at", "pull_count"], own)
    total = artifact_details.c.pull_count + insertion.excluded.pull_count
    last = func.coalesce(insertion.excluded.pulled_at, artifact_details.c.pulled_at)
    added = insertion.on_conflict_do_update(
        index_elements=["manifest_id"], set_={"pulled_at": last, "pull_count": total}
    )
    tx.execute(added, rows)
    tx.execute(_COUNT, rows)
    by_tag = [row for row in rows if row["tag"] is not None and row["at"] is not None]
    if by_tag:
        tx.execute(_DATE_TAG, by_tag)


def find_pulled(tx: Connection, manifest_id: int) -> tuple[RepositoryRecord, str] | None:
    """The repository of a manifest, and its digest; None where it is gone by now."""
    found = (
        select(*(repositories.c[name] for name in RepositoryRecord.__slots__), manifests.c.digest)
        .join(repositories, repositories.c.id == manifests.c.repository_id)
        .where(manifests.c.id == manifest_id)
    )
    row = tx.execute(found).one_or_none()
    return (RepositoryRecord(*row[:-1]), row.digest) if row else None
