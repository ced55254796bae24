"""Vulnerabilities that are of no concern, by their CVE numbers: in the whole registry, or in one project."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from auth.access import Actor
from registry.core import audit
from registry.errors import RequestInvalid
from storage.clock import now_ms
from storage.metadata import settings
from storage.metadata.database import Database

NAME = "cve_allowlist"
_ITEMS_LIMIT = 10_000
_ITEM_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Allowlist:
    """`expires_at` is in seconds since 1970; the other times are in milliseconds, and None where nobody made one."""

    items: Sequence[str] = ()
    expires_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None

    @classmethod
    def read(cls, text: str) -> "Allowlist":
        """Of the JSON that the database has."""
        return cls(**json.loads(text))

    def replaced(self, items: Sequence[str], expires_at: int | None, now: int) -> "Allowlist":
        """Another one in its place, each item once. Raises `RequestInvalid`."""
        if len(items) > _ITEMS_LIMIT or any(not 1 <= len(item) <= _ITEM_LIMIT for item in items):
            raise RequestInvalid(f"a list has at most {_ITEMS_LIMIT} items of 1 to {_ITEM_LIMIT} characters")
        return Allowlist(tuple(dict.fromkeys(items)), expires_at, self.created_at or now, now)

    def text(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


class Allowlists:
    """That of the whole registry."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def get(self) -> Allowlist:
        with self._database.read() as tx:
            return Allowlist.read(settings.find(tx, NAME) or "{}")

    def put(self, actor: Actor, items: Sequence[str], expires_at: int | None) -> None:
        """Raises `RequestInvalid`."""
        with self._database.write() as tx:
            known = Allowlist.read(settings.find(tx, NAME) or "{}")
            settings.put_all(tx, {NAME: known.replaced(items, expires_at, self._clock()).text()})
            audit.record(
                tx,
                actor,
                operation="update",
                resource_type="configuration",
                resource="configuration",
                description="update configuration: CVE allowlist",
            )
