"""Rules about tags that may be neither moved nor deleted."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from storage.metadata.database import insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import immutable_rules
from storage.metadata.prepared import Prepared
from storage.metadata.tables import tags


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """`rule` is JSON."""

    id: int
    project_id: int
    is_disabled: bool
    rule: str


_COLUMNS = [immutable_rules.c[name] for name in RuleRecord.__slots__]
_FIELDS = {
    "id": Field(immutable_rules.c.id, "number"),
    "disabled": Field(immutable_rules.c.is_disabled, "flag"),
}
_ACTIVE = select(immutable_rules.c.rule).where(
    immutable_rules.c.project_id == bindparam("project"), ~immutable_rules.c.is_disabled
)
_AGAINST_MOVE = Prepared(
    _ACTIVE.where(
        exists()
        .where(tags.c.repository_id == bindparam("repository"), tags.c.name == bindparam("tag"))
        .where(tags.c.manifest_id != bindparam("manifest"))
    )
)


def list_page(tx: Connection, project_id: int, listing: Listing) -> tuple[list[RuleRecord], int]:
    """A page of a project's rules, and how many there are. Raises `BadFilter`."""
    chosen = select(*_COLUMNS).where(immutable_rules.c.project_id == project_id)
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("id",))
    return [RuleRecord(*row) for row in rows], total


def list_active(tx: Connection, project_id: int) -> list[str]:
    return list(tx.execute(_ACTIVE, {"project": project_id}).scalars())


def list_against_move(tx: Connection, project_id: int, repository_id: int, tag: str, manifest_id: int) -> list[str]:
    """The active rules of a project, if the tag points to another manifest than this one; else none matters."""
    found = _AGAINST_MOVE.rows(tx, project=project_id, repository=repository_id, tag=tag, manifest=manifest_id)
    return [rule for (rule,) in found]


def find(tx: Connection, project_id: int, rule_id: int) -> RuleRecord | None:
    own = (immutable_rules.c.id == rule_id) & (immutable_rules.c.project_id == project_id)
    row = tx.execute(select(*_COLUMNS).where(own)).one_or_none()
    return RuleRecord(*row) if row else None


def add(tx: Connection, project_id: int, rule: str, *, disabled: bool) -> int:
    return insert_row(tx, immutable_rules, {"project_id": project_id, "is_disabled": disabled, "rule": rule})


def change(tx: Connection, rule_id: int, rule: str, *, disabled: bool) -> None:
    own = immutable_rules.c.id == rule_id
    tx.execute(update(immutable_rules).where(own).values(rule=rule, is_disabled=disabled))


def remove(tx: Connection, rule_id: int) -> None:
    tx.execute(delete(immutable_rules).where(immutable_rules.c.id == rule_id))
