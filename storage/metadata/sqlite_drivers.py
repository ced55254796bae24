"""What is below SQLAlchemy's connections to SQLite."""

from typing import Any

from sqlalchemy import Connection


def with_driver(connection: Connection) -> Connection:
    """A connection that was just opened, for `driver_of`."""
    return connection.execution_options(driver=connection.connection.driver_connection)


def driver_of(connection: Connection) -> Any:
    """The driver's own connection behind one of SQLAlchemy's.

    A push of an image asks 270 times, and the way through SQLAlchemy takes four calls of functions.
    """
    return connection.get_execution_options()["driver"]
