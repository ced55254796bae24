"""The judge of histories: it lets pass what can have happened, and nothing else."""

import pytest

from tests.torture.histories import Kind, Operation, is_linearizable


def history(*rows: tuple[Kind, str | None, int, int] | tuple[Kind, str | None, int, int, bool]) -> list[Operation]:
    return [Operation(*row) for row in rows]


@pytest.mark.parametrize(
    "operations",
    [
        history(),
        history(("write", "a", 0, 1), ("read", "a", 2, 3)),
        history(("write", "a", 0, 9), ("read", None, 1, 2), ("read", "a", 3, 4)),
        history(("write", "a", 0, 5), ("write", "b", 0, 5), ("read", "b", 6, 7)),
        history(("write", "a", 0, 5), ("write", "b", 0, 5), ("read", "a", 6, 7)),
        history(("write", "a", 0, 1), ("remove", None, 2, 3), ("read", None, 4, 5)),
        history(("remove", None, 0, 1, False), ("write", "a", 2, 3)),
        history(("write", "a", 0, 1), ("write", "b", 2, 3), ("remove-value", "a", 4, 5), ("read", "b", 6, 7)),
    ],
)
def test_history_that_can_have_happened_passes(operations: list[Operation]) -> None:
    assert is_linearizable(operations)


@pytest.mark.parametrize(
    "operations",
    [
        history(("read", "a", 0, 1)),
        history(("write", "a", 0, 1), ("read", None, 2, 3)),
        history(("write", "a", 0, 9), ("read", "a", 1, 2), ("read", None, 3, 4)),
        history(("write", "a", 0, 1), ("write", "b", 2, 3), ("read", "a", 4, 5)),
        history(("write", "a", 0, 1), ("remove", None, 2, 3), ("read", "a", 4, 5)),
        history(("write", "a", 0, 1), ("remove", None, 2, 3, False)),
        history(("write", "a", 0, 1), ("remove-value", "a", 2, 3, False)),
        history(("write", "a", 0, 1), ("remove-value", "a", 2, 3), ("read", "a", 4, 5)),
    ],
)
def test_history_that_cannot_have_happened_is_found_out(operations: list[Operation]) -> None:
    assert not is_linearizable(operations)
