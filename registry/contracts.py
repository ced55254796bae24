"""What a handler takes and gives, written above it: from this the document of the API is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

PAGED = ("q", "sort", "page", "page_size")
DETAILS = (
    "with_tag",
    "with_label",
    "with_accessory",
    "with_inherited_accessory",
    "with_immutable_status",
    "with_scan_overview",
    "with_sbom_overview",
    "with_signature",
)
TEXT, BYTES, FORM = "text/plain", "*/*", "application/x-www-form-urlencoded"
_NAME = "__contract__"


@dataclass(frozen=True, slots=True)
class Contract:
    """`gives` and `takes` are the type of a JSON body, a media type where it is no JSON, or None where there is none.

    `query` names its parameters, those that have to be there with a `!`; what they mean is told in one place
    (`registry.api.parameters`). `refuses` has the statuses beside `status` that do not follow from what the route needs
    and takes; `failing` is the type of a body that one of these has instead of a list of errors.
    """

    status: int
    gives: Any
    takes: Any
    query: tuple[str, ...]
    refuses: tuple[int, ...]
    failing: tuple[int, Any] | None = None


def answers(
    gives: Any = None,
    *,
    takes: Any = None,
    status: int = 200,
    query: tuple[str, ...] = (),
    refuses: tuple[int, ...] = (),
    failing: tuple[int, Any] | None = None,
) -> Callable[[F], F]:
    """Says what a handler answers with; its docstring, if it has one, is shown with that."""

    def mark(handler: F) -> F:
        setattr(handler, _NAME, Contract(status, gives, takes, query, refuses, failing))
        return handler

    return mark


def contract_of(handler: Callable[..., Any]) -> Contract:
    """Raises `AttributeError` for a handler that says nothing."""
    found: Contract = getattr(handler, _NAME)
    return found
