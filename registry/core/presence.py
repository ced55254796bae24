"""Whether servers run over a data folder, and which places its registry has left.

Each server holds a file in the folder, and the last step of a move holds it alone. Servers on other machines do not
see each other so, unless they share the folder; and one that keeps nothing in a folder may have none at all.

A registry that was moved must not be served from its old places again: what is pushed there would be lost to the new
ones. So the folder remembers them, as hashes, for the address of a database may have a password in it.
"""

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from registry.errors import Conflict
from storage.locks import Held, held

_LOCK = "serving.lock"
_LEFT = "moved-from"


@contextmanager
def serving(data: Path) -> Iterator[None]:
    """For as long as a server runs. Raises `Conflict` while a move is being finished."""
    with _holding(data, f"the registry in {data} is being moved: wait for the end of `cove move`", alone=False):
        yield


@contextmanager
def nobody_serving(data: Path) -> Iterator[None]:
    """For work that no server may run beside. Raises `Conflict` when one does, or when another such work goes on."""
    with _holding(data, f"a server runs over {data}: stop it first", alone=True):
        yield


@contextmanager
def _holding(data: Path, refusal: str, *, alone: bool) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            if data.is_dir():
                stack.enter_context(held(data / _LOCK, alone=alone))
        except Held:
            raise Conflict(refusal) from None
        yield


def leave(data: Path, places: Collection[str], *, for_places: Collection[str]) -> None:
    """Remember, durably, that the registry is no longer in the former places but in the latter."""
    if not data.is_dir():
        return
    left = (_left(data) | set(map(_hash, places))) - set(map(_hash, for_places))
    fresh = data / f"{_LEFT}.new"
    with fresh.open("w") as file:
        file.write("".join(f"{place}\n" for place in sorted(left)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(data / _LEFT)


def must_be_here(data: Path, places: Collection[str]) -> None:
    """Raises `Conflict` when the registry was moved away from one of the places."""
    if _left(data).isdisjoint(map(_hash, places)):
        return
    raise Conflict(
        "this registry was moved from here by `cove move`: set COVE_STORAGE_URL and COVE_DATABASE_URL as that said,"
        f" or delete {data / _LEFT} to use the old place all the same"
    )


def _left(data: Path) -> set[str]:
    try:
        return set((data / _LEFT).read_text().split())
    except FileNotFoundError:
        return set()


def _hash(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()
