"""Servers for the tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from registry.config import Config
from registry.guard import Limits
from tests.http.serving import PASSWORD, Registry, populate, running

Make = Callable[..., Registry]


@pytest.fixture
def make_registry(tmp_path: Path) -> Iterator[Make]:
    """Start servers with settings of the test's own, all over one folder; they stop at the end."""
    with ExitStack() as stack:

        def make(limits: Limits | None = None, **settings: object) -> Registry:
            config = Config(data=tmp_path / "data", admin_password=PASSWORD)
            return stack.enter_context(running(replace(config, **settings), limits))  # type: ignore[arg-type]

        yield make


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One populated server for all tests of a module: they use repositories of their own and change no account."""
    config = Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)
    with running(config) as running_registry:
        populate(running_registry)
        yield running_registry
