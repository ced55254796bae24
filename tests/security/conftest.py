"""The servers of the HTTP tests, and those of the torture tests where a process of its own is looked at."""

from tests.http.conftest import make_registry, registry
from tests.torture.conftest import data, serve, strace

__all__ = ["data", "make_registry", "registry", "serve", "strace"]
