"""A real OpenID provider of the tests' own, and a person at a browser who signs in there."""

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.clients.programs import SEARCH_PATH, TOOLS, miss

SECRET = "canary: a secret+"
_PACKAGES = TOOLS / "oidc"
_STEPS = 20


@dataclass(frozen=True)
class OidcServer:
    """Its address, which is its name too, and the file of the people that it knows."""

    url: str
    people: Path

    def put_person(self, name: str, person: Mapping[str, object] | None) -> None:
        """Tell something else of somebody from now on, or nothing."""
        known = json.loads(self.people.read_text())
        known.pop(name, None)
        self.people.write_text(json.dumps(known if person is None else known | {name: person}))


@contextmanager
def oidc_server(folder: Path, redirect_uri: str, people: Mapping[str, object]) -> Iterator[OidcServer]:
    """Run a provider that knows the registry, and these people; it is skipped where its program is missing."""
    node = shutil.which("node", path=f"{TOOLS / 'bin'}:{SEARCH_PATH}")
    if node is None or not (_PACKAGES / "node_modules" / "oidc-provider").exists():
        miss("an OpenID provider")
    port, file = free_port(), folder / "people.json"
    file.write_text(json.dumps(people))
    command = [str(node), str(Path(__file__).with_name("provider.mjs")), str(port), SECRET, redirect_uri]
    process = subprocess.Popen(
        [*command, str(file)],
        env={"PATH": os.environ["PATH"], "PACKAGES": str(_PACKAGES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # a wheel's node is a program that starts another one
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield OidcServer(f"http://127.0.0.1:{port}", file)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def sign_in_there(browser: httpx.Client, start: str, name: str, registry: str) -> httpx.Response:
    """Begin at an address of the registry, say to the provider who one is, agree, and return to the registry: its
    answer, which may lead elsewhere.
    """
    response = browser.get(start)
    for _ in range(_STEPS):
        if not response.is_redirect:
            response = _filled_in(browser, response, name)
            continue
        address = urljoin(str(response.url), response.headers["location"])
        response = browser.get(address)
        if address.startswith(f"{registry}/c/oidc/callback"):
            return response
    raise AssertionError("the provider does not lead back")


def _filled_in(browser: httpx.Client, page: httpx.Response, name: str) -> httpx.Response:
    """Send the form of the page, whatever it asks."""
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert action, page.text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    given = {"login": name, "password": "any"} if 'name="login"' in page.text else {}
    return browser.post(urljoin(str(page.url), html.unescape(action[1])), data={**hidden, **given})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
