"""Who has which role in which project."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from storage.metadata.database import put
from storage.metadata.tables import members, users


@dataclass(frozen=True, slots=True)
class MemberRecord:
    user: str
    role: int


def find_role(tx: Connection, project_id: int, user_id: int) -> int | None:
    chosen = select(members.c.role).where(members.c.project_id == project_id, members.c.user_id == user_id)
    role: int | None = tx.execute(chosen).scalar_one_or_none()
    return role


def list_all(tx: Connection, project_id: int) -> list[MemberRecord]:
    listed = (
        select(users.c.name, members.c.role)
        .join(users, users.c.id == members.c.user_id)
        .where(members.c.project_id == project_id)
        .order_by(users.c.name)
    )
    return [MemberRecord(*row) for row in tx.execute(listed)]


def put_role(tx: Connection, project_id: int, user_id: int, role: int) -> None:
    row = {"project_id": project_id, "user_id": user_id, "role": role}
    put(tx, members, ("project_id", "user_id"), row)


def remove(tx: Connection, project_id: int, user_id: int) -> None:
    tx.execute(delete(members).where(members.c.project_id == project_id, members.c.user_id == user_id))
