"""Whether what several clients saw of one tag could have happened in some order, each operation at one moment.

The check is that of Wing and Gong: an operation may come next if no other one had ended before it began. States that
were tried are remembered, so that a history of some hundred operations takes a moment.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Kind = Literal["write", "read", "remove", "remove-value"]
Apply = Callable[[str | None], "str | None"]


@dataclass(frozen=True)
class Operation:
    """What a client did between two moments. The value is what was written, read or removed; None where was nothing.

    `write` sets the tag. `read` saw the value. `remove` deleted the tag, or found none when the value is None.
    `remove-value` deleted a manifest, and with it the tag if that pointed to it; without `done` there was no such
    manifest, so the tag cannot have pointed to it.
    """

    kind: Kind
    value: str | None
    began: float
    ended: float
    done: bool = True

    def outcomes(self, state: str | None) -> list[str | None]:
        """What the tag may be afterwards; empty where the operation cannot have happened in this state."""
        match self.kind:
            case "write":
                return [self.value]
            case "read":
                return [state] if state == self.value else []
            case "remove":
                return [None] if (state is not None) == self.done else []
        if not self.done:
            return [] if state == self.value else [state]
        return [None if state == self.value else state]


class History:
    """Operations as they are noted, by any thread."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []

    def __len__(self) -> int:
        return len(self._operations)

    @contextmanager
    def note(self, kind: Kind, value: str | None = None) -> Iterator[Callable[..., None]]:
        """Note what the block does; it calls what it is given with a `value`, or with `done`, when it knows better."""
        found: dict[str, object] = {"value": value, "done": True}
        began = time.monotonic()
        yield found.update
        ended = time.monotonic()
        self._operations.append(Operation(kind, began=began, ended=ended, **found))  # type: ignore[arg-type]

    def is_linearizable(self) -> bool:
        return is_linearizable(self._operations)


def is_linearizable(operations: list[Operation]) -> bool:
    """Whether some order of the operations explains all of them, beginning with no tag."""
    remaining = tuple(sorted(operations, key=lambda operation: operation.began))
    seen: set[tuple[tuple[Operation, ...], str | None]] = set()
    waiting: list[tuple[tuple[Operation, ...], str | None]] = [(remaining, None)]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        rest, state = place
        if not rest:
            return True
        waiting += [
            (rest[:index] + rest[index + 1 :], after)
            for index in _first_ones(rest)
            for after in rest[index].outcomes(state)
        ]
    return False


def _first_ones(rest: tuple[Operation, ...]) -> Iterator[int]:
    """Positions of those that began before any had ended."""
    first_end = min(operation.ended for operation in rest)
    for index, operation in enumerate(rest):
        if operation.began > first_end:
            return
        yield index
