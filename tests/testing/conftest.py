from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.config import Config
from registry.testing import Client, Registry, serve
from tests.http.serving import PASSWORD, running


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with serve() as started:
        yield started


@pytest.fixture
def client(registry: Registry) -> Client:
    return registry.client


@pytest.fixture
def url_with_accounts(tmp_path: Path) -> Iterator[str]:
    """A registry in which not everybody may do everything."""
    with running(Config(data=tmp_path / "data", admin_password=PASSWORD)) as started:
        yield started.url
