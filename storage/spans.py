"""What is told of each call of a store and of each transaction to whoever traces requests.

A `Span` is given a name and lasts as long as the work that it is about, in the thread that does it. Nothing of this
module is in the way where nobody traces.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from storage.blobs import BlobStore

Span = Callable[[str], AbstractContextManager[object]]

# Not what is called for each piece of content, of which a large blob has thousands.
_TOLD = frozenset({"commit", "delete", "delete_all", "discard", "open", "open_staged", "size", "stage", "url"})
_TOLD_OF_WRITERS = frozenset({"checkpoint", "commit", "start_at"})


def traced_store(store: BlobStore, span: Span) -> BlobStore:
    """The store, whose calls are spans: `storage.open` and the like."""
    return cast("BlobStore", _Told(store, _TOLD, span))


class _Told:
    """Something of which some methods are spans, and likewise the writers that it opens."""

    def __init__(self, inner: object, told: frozenset[str], span: Span) -> None:
        self._inner = inner
        self._told = told
        self._span = span

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._told:
            return found

        def call(*given: Any, **named: Any) -> Any:
            with self._span(f"storage.{name}"):
                done = found(*given, **named)
            return _Told(done, _TOLD_OF_WRITERS, self._span) if name == "open_staged" else done

        return call
