"""What a registry asks of its database."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.http.serving import Registry
from tests.storage.metadata.statements import Statement, noted


def statements_of(registry: Registry) -> AbstractContextManager[list[Statement]]:
    """Every statement of SQL from here on; other registries of the process have their own."""
    with registry.database.read() as tx:
        url = tx.engine.url
    return noted(lambda connection: connection.engine.url == url)


@contextmanager
def without_background_work() -> Iterator[None]:
    """Servers that are started in the block do nothing by themselves, which would be counted too."""

    async def never(*_: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("registry.app.repeat", never)
        yield
