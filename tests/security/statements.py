"""What a registry asks of its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from tests.http.serving import Registry


@contextmanager
def statements_of(registry: Registry) -> Iterator[list[str]]:
    """Every statement of SQL from here on; other registries of the process have their own."""
    found: list[str] = []
    with registry.database.read() as tx:
        url = tx.engine.url

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.engine.url == url:
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
