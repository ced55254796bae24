"""How the servers that people sign in with are found."""

from collections.abc import Callable, Sequence

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, by its name and the port; raises an error of its own where it may not be asked."""
