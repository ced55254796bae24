"""A server with the usual people, and clients of its management API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from registry.config import Config
from tests.api.documented import check_status
from tests.api.published import check
from tests.http.serving import PASSWORD, Registry, populate, running

Api = Callable[[str | None], httpx.Client]


def _watch(response: httpx.Response) -> None:
    response.read()
    check(response)
    check_status(response)


@pytest.fixture(scope="module", autouse=True)
def _watched() -> Iterator[None]:
    """Every answer that a test gets has to be as Harbor publishes it."""
    Registry.watchers.append(_watch)
    yield
    Registry.watchers.remove(_watch)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)) as registry:
        populate(registry)
        yield registry


@pytest.fixture
def api(registry: Registry) -> Api:
    """A client of the management API for one of the people, or for nobody."""

    def client(user: str | None) -> httpx.Client:
        made = registry.client(user)
        made.base_url = httpx.URL(f"{registry.url}/api/v2.0/")
        return made

    return client


@contextmanager
def changed_settings(api: Api, **values: object) -> Iterator[httpx.Client]:
    """With other settings, which are as before in the end."""
    client = api("admin")
    before = {name: client.get("configurations").json()[name]["value"] for name in values}
    assert client.put("configurations", json=values).status_code == 200
    try:
        yield client
    finally:
        assert client.put("configurations", json=before).status_code == 200
