"""When the systems that people come from were asked for them, and what they said."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select, update

from storage.metadata.database import put
from storage.metadata.management_tables import vouchings
from storage.metadata.prepared import Prepared


@dataclass(frozen=True, slots=True)
class VouchingRecord:
    """`provider_token` is what an OpenID provider gave for asking; empty where it gave none."""

    user_id: int
    asked_at: int
    confirmed_at: int
    is_gone: bool = False
    provider_token: str = field(default="", repr=False)


_BY_USER = Prepared(select(vouchings).where(vouchings.c.user_id == bindparam("user_id")))


def find(tx: Connection, user_id: int) -> VouchingRecord | None:
    row = _BY_USER.row(tx, user_id=user_id)
    return VouchingRecord(*row) if row else None


def put_record(tx: Connection, record: VouchingRecord) -> None:
    row = {name: getattr(record, name) for name in VouchingRecord.__slots__}
    put(tx, vouchings, ("user_id",), row)


def claim(tx: Connection, record: VouchingRecord, now: int) -> bool:
    """Note that it is asked now; False where somebody else has begun to since the record was read."""
    same = (vouchings.c.user_id == record.user_id) & (vouchings.c.asked_at == record.asked_at)
    return tx.execute(update(vouchings).where(same).values(asked_at=now)).rowcount == 1


def note(tx: Connection, user_id: int, *, asked_at: int, is_gone: bool) -> None:
    tx.execute(update(vouchings).where(vouchings.c.user_id == user_id).values(asked_at=asked_at, is_gone=is_gone))
