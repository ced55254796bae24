from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.running import Serve, start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `cove serve` with arguments and settings; it is stopped at the end of the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **settings: start(stack, tmp_path / "log", arguments, settings)
