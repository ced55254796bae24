"""Numbers by the day: pushes and pulls of projects, and how full the disk is. Days are UTC, and count from 1970."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Integer, bindparam, delete, func, literal_column, select

from storage.metadata.database import put, upsert
from storage.metadata.manifests import IS_NAMED
from storage.metadata.sights import Sight
from storage.metadata.tables import daily_counts, disk_samples, manifests, projects, repositories


@dataclass(frozen=True, slots=True)
class DayPulls:
    """A manifest was pulled so often on a day."""

    manifest: int
    count: int
    day: int


@dataclass(frozen=True, slots=True)
class DayPushes:
    """Manifests were pushed to a project so often on a day."""

    project: int
    count: int
    day: int


@dataclass(frozen=True, slots=True)
class DayCount:
    day: int
    pushes: int
    pulls: int


@dataclass(frozen=True, slots=True)
class DiskSample:
    """Bytes in use at the end of a day, or so far; `total` is None where there is no end of space."""

    day: int
    used: int
    total: int | None


_COLUMNS = ["project_id", "day", "pushes", "pulls"]
_count, _day, _none = bindparam("count", type_=Integer), bindparam("day", type_=Integer), literal_column("0", Integer)
# As repositories count: the platform's own image comes after the index that was pulled, and that is one pull.
_PULLED = (
    select(repositories.c.project_id, _day, _none, _count)
    .join(manifests, manifests.c.repository_id == repositories.c.id)
    .where(manifests.c.id == bindparam("manifest"), manifests.c.untagged_at.is_(None) | ~IS_NAMED)
)
_PUSHED = select(projects.c.id, _day, _count, _none).where(projects.c.id == bindparam("project"))


def add(tx: Connection, pulls: Sequence[DayPulls], pushes: Sequence[DayPushes]) -> None:
    """Count them; those of what is gone by now are nowhere to be counted."""
    for chosen, counted in ((_PULLED, pulls), (_PUSHED, pushes)):
        if counted:
            insertion = upsert(tx.dialect.name, daily_counts).from_select(_COLUMNS, chosen)
            sums = {name: daily_counts.c[name] + insertion.excluded[name] for name in ("pushes", "pulls")}
            tx.execute(
                insertion.on_conflict_do_update(index_elements=["day", "project_id"], set_=sums),
                [asdict(each) for each in counted],
            )


def list_counts(tx: Connection, since: int, sight: Sight, project_id: int | None = None) -> list[DayCount]:
    """Sums of the days from `since` on that have any: of what is within the sight, or of one project."""
    chosen = select(daily_counts.c.day, func.sum(daily_counts.c.pushes), func.sum(daily_counts.c.pulls))
    is_wanted = (
        sight.shows(daily_counts.c.project_id) if project_id is None else daily_counts.c.project_id == project_id
    )
    grouped = chosen.where(daily_counts.c.day >= since, is_wanted).group_by(daily_counts.c.day)
    return [DayCount(day, int(pushes), int(pulls)) for day, pushes, pulls in tx.execute(grouped)]


def put_disk(tx: Connection, sample: DiskSample) -> None:
    """Note it, in place of what was noted on that day before."""
    values = {"day": sample.day, "used_bytes": sample.used, "total_bytes": sample.total}
    put(tx, disk_samples, ["day"], values)


def list_disk(tx: Connection, since: int) -> list[DiskSample]:
    chosen = select(disk_samples).where(disk_samples.c.day >= since).order_by(disk_samples.c.day)
    return [DiskSample(*row) for row in tx.execute(chosen)]


def drop_before(tx: Connection, day: int) -> None:
    for table in (daily_counts, disk_samples):
        tx.execute(delete(table).where(table.c.day < day))
