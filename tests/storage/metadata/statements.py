"""Statements of SQL as they are executed, whether by SQLAlchemy or, once compiled, by SQLite's driver itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event

from storage.metadata import prepared
from storage.metadata.sqlite_drivers import driver_of

Statement = tuple[str, Any]
"""Its text, and its values in the driver's form."""


@contextmanager
def noted(concerns: Callable[[Connection], bool]) -> Iterator[list[Statement]]:
    """Those of the connections that it concerns, from here on."""
    found: list[Statement] = []

    def note(connection: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        if concerns(connection):
            found.append((text, values))

    def watched(tx: Connection) -> Any:
        return _Noting(driver_of(tx), found) if concerns(tx) else driver_of(tx)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(prepared, "driver_of", watched):
            yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


class _Noting:
    def __init__(self, driver: Any, found: list[Statement]) -> None:
        self._driver = driver
        self._found = found

    def execute(self, text: str, values: Any) -> Any:
        self._found.append((text, tuple(values)))
        return self._driver.execute(text, values)

    def executemany(self, text: str, rows: Any) -> Any:
        self._found.append((text, rows))
        return self._driver.executemany(text, rows)
