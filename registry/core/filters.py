"""Conditions of lists that cannot be met."""

from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import BadQuery
from storage.metadata.listings import BadFilter


@contextmanager
def filtered() -> Iterator[None]:
    """Raises `BadQuery` for a value that a field of a list cannot have."""
    try:
        yield
    except BadFilter as error:
        raise BadQuery(f"bad request: {error}") from None
