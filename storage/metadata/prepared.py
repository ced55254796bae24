"""Statements of which there are many a second: compiled once, and executed by SQLite's driver itself.

SQLAlchemy takes 40 µs to execute a statement that is built already, and 190 µs to build it first; the driver takes 3.
Nothing else is different: the same values go in, and the same come out. On PostgreSQL, where a query takes longer than
that to come back, SQLAlchemy executes them as it does any other.
"""

import json
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Connection, Delete, Insert, Select, Update

from storage.metadata.sqlite_drivers import driver_of

Row = tuple[Any, ...]


class Prepared:
    """A statement whose values have names; an insertion without any says which `columns` it gets. One of a list is
    named by `bindparam(name, expanding=True)`.
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete, *columns: str) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: _Compiled | None = None

    def rows(self, tx: Connection, **values: Any) -> Sequence[Row]:
        """All rows that come back."""
        if tx.dialect.name != "sqlite":
            return [tuple(row) for row in tx.execute(self._statement, values)]
        compiled = self._compiled or self._compile(tx)
        return compiled.read(driver_of(tx).execute(compiled.text, compiled.order(values)).fetchall())

    def row(self, tx: Connection, **values: Any) -> Row | None:
        """The only row, if there is one."""
        found = self.rows(tx, **values)
        return found[0] if found else None

    def value(self, tx: Connection, **values: Any) -> Any:
        """The first value of the only row, if there is one."""
        found = self.rows(tx, **values)
        return found[0][0] if found else None

    def run(self, tx: Connection, **values: Any) -> int:
        """How many rows were changed, or were there to be changed."""
        if tx.dialect.name != "sqlite":
            # Without the option SQLAlchemy keeps the count of updates and deletions only.
            return tx.execute(self._statement, values, execution_options={"preserve_rowcount": True}).rowcount
        compiled = self._compiled or self._compile(tx)
        count: int = driver_of(tx).execute(compiled.text, compiled.order(values)).rowcount
        return count

    def run_many(self, tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each of the rows of values."""
        if not rows:
            return
        if tx.dialect.name != "sqlite":
            tx.execute(self._statement, rows)
            return
        compiled = self._compiled or self._compile(tx)
        driver_of(tx).executemany(compiled.text, [compiled.order(row) for row in rows])

    def _compile(self, tx: Connection) -> "_Compiled":
        self._compiled = _Compiled(self._statement, self._columns, tx)
        return self._compiled


class _Compiled:
    """A statement in SQLite's words. What two threads make of it at once is the same."""

    def __init__(self, statement: Any, columns: Sequence[str], tx: Connection) -> None:
        compiled = statement.compile(dialect=tx.dialect, column_keys=columns or None)
        binds = compiled.binds.items()
        names: Sequence[str] = compiled.positiontup or ()
        self._pick = itemgetter(*names) if len(names) > 1 else None
        self._names = names
        self._constants = {name: bind.effective_value for name, bind in binds if not bind.required}
        self._lists = {name for name, bind in binds if bind.expanding}
        self._booleans = [n for n, column in enumerate(statement.exported_columns) if isinstance(column.type, Boolean)]
        text = str(compiled)
        for name in self._lists:
            # However many there are, it is the same statement, which SQLite keeps for the next time.
            text = text.replace(f"(__[POSTCOMPILE_{name}])", "(SELECT value FROM json_each(?))")
        self.text = text

    def order(self, values: Mapping[str, Any]) -> Row:
        """The values, each where the statement wants it."""
        if self._lists:
            values = {name: json.dumps(value) if name in self._lists else value for name, value in values.items()}
        if self._constants:
            values = {**self._constants, **values}
        return self._pick(values) if self._pick else tuple(values[name] for name in self._names)

    def read(self, rows: list[Row]) -> list[Row]:
        """Rows with what Python has in place of SQLite's 0 and 1."""
        return [self._with_booleans(row) for row in rows] if self._booleans else rows

    def _with_booleans(self, row: Row) -> Row:
        values = list(row)
        for place in self._booleans:
            values[place] = None if values[place] is None else bool(values[place])
        return tuple(values)
