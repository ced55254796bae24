"""Fixtures for pytest: a registry for the test session, and images in it.

pytest loads this file in every environment in which Cove is installed, so all else is imported when it is used.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from registry.testing import Pushed, Registry


@pytest.fixture(scope="session")
def registry_settings() -> dict[str, str]:
    """Settings of the registry by their names, such as `{"quota_bytes": "1GB"}`: to be overridden in a conftest.py."""
    return {}


@pytest.fixture(scope="session")
def registry(registry_settings: Mapping[str, str]) -> "Iterator[Registry]":
    """A registry that starts when it is first asked for and is gone, with all that is in it, after the session."""
    from registry.testing import serve  # noqa: PLC0415 -- see above

    with serve(registry_settings) as running:
        yield running


@pytest.fixture(scope="session")
def registry_url(registry: "Registry") -> str:
    """Such as `http://127.0.0.1:41234`."""
    return registry.url


@pytest.fixture(scope="session")
def push_image(registry: "Registry") -> "Callable[..., Pushed]":
    """`push_image("team/app:1", {"etc/motd": "hello"}, Cmd=["/app"])` makes an image as `Image.of` does and pushes it.

    Without files it has one layer that is empty.
    """
    from registry.testing import Image  # noqa: PLC0415 -- see above

    def push(name: str, *layers: Mapping[str, str | bytes], **settings: Any) -> "Pushed":
        return registry.client.push(Image.of(*(layers or ({},)), **settings), name)

    return push
