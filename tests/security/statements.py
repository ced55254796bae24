"""What a registry asks of its database."""

from contextlib import AbstractContextManager

from tests.http.serving import Registry
from tests.storage.metadata.statements import Statement, noted


def statements_of(registry: Registry) -> AbstractContextManager[list[Statement]]:
    """Every statement of SQL from here on; other registries of the process have their own."""
    with registry.database.read() as tx:
        url = tx.engine.url
    return noted(lambda connection: connection.engine.url == url)
