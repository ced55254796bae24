"""A registry as full as that of a large company, made by SQL through the schema: what lists are measured on."""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from auth.roles import Role
from storage.clock import now_ms
from storage.metadata import audit_records, users
from storage.metadata.database import Database, Transaction, insert_many
from storage.metadata.tables import manifests
from storage.metadata.tables import members as member_table
from storage.metadata.tables import projects as project_table
from storage.metadata.tables import repositories as repository_table
from tests.bench.fillings import add_tags

_BATCH = 20_000
_DAY_MS = 86_400_000
LARGE = 3  # the number of the project with a tenth of all repositories
_OPERATIONS = {  # and of a hundred records, how many are so
    ("pull", "artifact"): 70,
    ("create", "artifact"): 22,
    ("delete", "tag"): 3,
    ("create", "tag"): 2,
    ("login", "user"): 2,
    ("update", "project"): 1,
}


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many there are of each. A third of the projects is public, a tenth has the `member`; a hundredth of the
    repositories has a fifth of the tags. Records are of a year.
    """

    projects: int = 10_000
    repositories: int = 100_000
    tags: int = 1_000_000
    records: int = 1_000_000
    people: int = 200

    def repository(self, number: int) -> str:
        """The name of one; a tenth of all belongs to one project."""
        return f"{project_name(LARGE if number % 10 == LARGE else number % self.projects)}/service-{number:06}"


def project_name(number: int) -> str:
    return f"team-{number:05}"


def person_name(number: int) -> str:
    return f"person-{number:03}"


def fill_all(path: Path, crowd: Crowd, password_hash: str) -> None:
    """Fill the migrated, empty database of a registry. All people have the password of that hash; the first of them is
    the member.
    """
    chance = random.Random(1)
    with closing(Database.open(path)) as database:
        with database.write(durable=False) as tx:
            _add_projects(tx, crowd, _add_people(tx, crowd, password_hash))
            found = _add_repositories(tx, crowd)
        few = max(len(found) // 100, 1)
        own = (
            number // 5 % few if number % 5 == 0 else (number - number // 5) % len(found)
            for number in range(crowd.tags)
        )
        add_tags(database, [(found[each], f"v{number:07}") for number, each in enumerate(own)])
        with database.write(durable=False) as tx:
            _count(tx)
        for records in _batches(_records(crowd, chance)):
            with database.write(durable=False) as tx:
                audit_records.add_all(tx, records)


def _add_people(tx: Transaction, crowd: Crowd, password_hash: str) -> int:
    made = [users.add(tx, person_name(number), password_hash, is_admin=False, now=1) for number in range(crowd.people)]
    return made[0].id


def _add_projects(tx: Transaction, crowd: Crowd, member: int) -> None:
    now = now_ms()
    common = {"owner_id": 1, "updated_at": now}
    rows = [
        {"name": project_name(number), "is_public": number % 3 == 0, "created_at": now - number * 1000, **common}
        for number in range(crowd.projects)
    ]
    insert_many(tx, project_table, rows)
    own = select(project_table.c.id).where(project_table.c.id % 10 == 0)
    role = {"user_id": member, "role": Role.PROJECT_ADMIN.value, "group_id": None, "added_at": now, "added_by": "admin"}
    insert_many(tx, member_table, [{"project_id": each, **role} for each in tx.execute(own).scalars()])


def _add_repositories(tx: Transaction, crowd: Crowd) -> list[int]:
    ids = dict(tx.execute(select(project_table.c.name, project_table.c.id)).all())
    now = now_ms()
    rows = []
    for number in range(crowd.repositories):
        name, at = crowd.repository(number), now - number * 1000
        own = {"project_id": ids[name.partition("/")[0]], "name": name}
        rows.append({**own, "created_at": at, "updated_at": at, "known_since": at, "description": f"Service {number}"})
    insert_many(tx, repository_table, rows)
    made = select(repository_table.c.id).where(repository_table.c.name.like("team-%"))
    return list(tx.execute(made.order_by(repository_table.c.id)).scalars())


def _count(tx: Transaction) -> None:
    """What repositories and projects have of each."""
    held = select(func.count()).where(manifests.c.repository_id == repository_table.c.id).scalar_subquery()
    pulls = func.abs(func.random()) % 100_000
    tx.execute(update(repository_table).values(manifest_count=held, pull_count=pulls))
    size = (
        select(func.coalesce(func.sum(repository_table.c.manifest_count), 0) * 500)
        .where(repository_table.c.project_id == project_table.c.id)
        .scalar_subquery()
    )
    tx.execute(update(project_table).values(used_bytes=size))


def _records(crowd: Crowd, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The oldest first. What is pulled is mostly what others pull too."""
    kinds = list(_OPERATIONS)
    start = now_ms() - 365 * _DAY_MS
    for number, (operation, type_) in enumerate(chance.choices(kinds, list(_OPERATIONS.values()), k=crowd.records)):
        repository = min(int(chance.paretovariate(0.3)), crowd.repositories) - 1
        name = crowd.repository(repository)
        person = person_name(min(int(chance.paretovariate(0.7)), crowd.people) - 1)
        resource = {"user": person, "project": name.partition("/")[0]}.get(type_, f"{name}:v{number % 50:07}")
        yield {
            "at": start + number * 365 * _DAY_MS // crowd.records,
            "project_id": None if type_ == "user" else 2 + int(name[5:10]),
            "user_name": person,
            "operation": operation,
            "resource_type": type_,
            "resource": resource,
            "description": "",
            "succeeded": number % 100 != 0,
        }


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
