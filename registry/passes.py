"""Requests that were let in, so that the same credentials are let in to the same repository again without a query.

Who sends a push asks five times in a row for each of its layers whether it may. To look that up takes 0.2 ms of a core,
this 0.02. That whoever is let in here would be let in by the ordinary way now follows as in `registry.hot`: the records
are the same as far as they decide, by their generation, which is asked for each time; the time is, by when the
credentials lapse, and for `AGE_SECONDS` at most, not before they were looked up when the clock is put back. Nobody is
refused here, and what is not known is looked up.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Actor
from auth.roles import Action
from registry.core.repositories import Repository
from registry.hot import AGE_SECONDS
from registry.oci.names import RepositoryName

MOST = 4096  # what is kept: of more, what was used least recently goes

_Key = tuple[Action, str, bytes]


@dataclass(frozen=True, slots=True)
class Pass:
    """Who was let in, and to what."""

    actor: Actor
    repository: Repository


class Passes:
    """Thread-safe. `generation` tells that of what pulls see, None for unknown; one thread at a time asks it."""

    def __init__(self, generation: Callable[[], int | None], *, clock: Callable[[], float] = time.time) -> None:
        self._generation = generation
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[Pass, float, float]] = OrderedDict()
        self._kept_generation: int | None = None
        self._lock = threading.Lock()

    def enter(self, action: Action, name: RepositoryName, credentials: str, look_up: Callable[[], Pass]) -> Pass:
        """The pass that the same credentials had before, or else what `look_up` returns; what that raises comes out."""
        key = action, str(name), hashlib.sha256(credentials.encode(errors="surrogatepass")).digest()
        with self._lock:
            generation = self._begin()
            kept, good_since, good_until = self._kept.get(key, (None, 0.0, 0.0))
            if kept and good_since <= self._clock() < good_until:
                self._kept.move_to_end(key)
                return kept
        entered = look_up()
        self._keep(key, entered, generation)
        return entered

    def _begin(self) -> int | None:
        """The generation of the records; what was kept of another is dropped."""
        generation = self._generation()
        if generation is None or generation != self._kept_generation:
            self._kept.clear()
            self._kept_generation = generation
        return generation

    def _keep(self, key: _Key, entered: Pass, generation: int | None) -> None:
        """A project with a quota is looked up each time, for how much of it is in use."""
        now = self._clock()
        good_until = min(entered.actor.good_until, now + AGE_SECONDS)
        if good_until <= now or entered.repository.project.quota_bytes is not None:
            return
        with self._lock:
            if generation is not None and generation == self._kept_generation:
                self._kept[key] = entered, now, good_until
                if len(self._kept) > MOST:
                    self._kept.popitem(last=False)
