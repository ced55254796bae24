"""One server for all tests of the page, with the usual people, and browsers that they are signed in with."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from registry.config import Config
from tests.http.serving import PASSWORD, TLS, Registry, populate, running


class Browser(httpx.Client):
    """Sends forms as a browser does: with the hidden code of the page that they are on."""

    def send_form(self, page: str, address: str = "", **fields: str) -> httpx.Response:
        found = re.search(r'name="proof" value="([^"]+)"', self.get(page).text)
        assert found, page
        return self.post(address or page, data={"proof": found[1], **fields})

    def sign_in(self, name: str, password: str = PASSWORD, after: str = "/ui/") -> httpx.Response:
        return self.send_form("/ui/sign-in", name=name, password=password, next=after)


Browsers = Callable[[str | None], Browser]


def fresh(registry: Registry) -> Browser:
    """One that nobody has signed in with."""
    browser = Browser(base_url=registry.url, timeout=30, verify=TLS, headers={"Accept": "text/html"})
    registry.clients.append(browser)
    return browser


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)) as registry:
        populate(registry)
        registry.push_image("team/app", "1.0")
        registry.push_image("open/deep/app", "2.0")
        yield registry


@pytest.fixture(scope="session")
def browsers(registry: Registry) -> Browsers:
    """One for each of the people, which stays signed in, and one for nobody."""
    known: dict[str | None, Browser] = {}

    def browser(name: str | None) -> Browser:
        if name not in known:
            known[name] = fresh(registry)
            if name:
                assert known[name].sign_in(name).status_code == 303
        return known[name]

    return browser
