"""What is below SQLAlchemy's connections to SQLite."""

from typing import Any

from sqlalchemy import Connection


def driver_of(connection: Connection) -> Any:
    """The driver's own connection behind one of SQLAlchemy's."""
    return connection.connection.driver_connection
