"""What is told of a request to whoever traces it; `registry.traces` sends that by OpenTelemetry."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Traits:
    """Of a request and its answer. `route` is the template of the route table, or `none`."""

    method: str
    route: str
    path: str
    status: int
    repository: str | None
    client: str | None
    user: str | None


class Tracing(Protocol):
    def request(self, headers: Mapping[str, str]) -> AbstractContextManager[object]:
        """The span of a request, part of the trace that its headers name."""

    def tell(self, traits: Traits, request_id: str) -> None:
        """Say what the request was, once that is known."""

    def repeated(self, traits: Traits, request_id: str, seconds: float) -> None:
        """Tell of a request that was given an answer again, which took about so long."""
