"""Uses an installed Cove as its users do: run by its environment's Python, in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import httpx

import registry
from registry.testing import Client, Image, serve

PASSWORD = "Kelp-forest-9"
COVE = str(Path(sys.executable).with_name("cove"))


def main() -> None:
    assert registry.__file__ is not None
    assert Path(sys.prefix) in Path(registry.__file__).parents, registry.__file__
    with subprocess.Popen([COVE, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = ready(server.stdout)
            try_page(url)
            try_images(url)
            assert "library" in said("project", "list")
        finally:
            server.terminate()
        assert server.wait(30) == 0
    with serve() as ephemeral:
        ephemeral.client.push(Image.of({}), "team/app:1")


def ready(shown: IO[str]) -> str:
    """The address that it prints at the end of the welcome."""
    for line in shown:
        if line.startswith("Cove is ready at "):
            return line.split()[-1]
    raise AssertionError("it did not start")


def try_page(url: str) -> None:
    """Templates, texts of another language, files for browsers, the description of the API."""
    with httpx.Client(
        base_url=url, follow_redirects=True, headers={"Accept": "text/html", "Accept-Language": "zh-CN"}
    ) as browser:
        page = browser.get("/").raise_for_status().text
        assert 'lang="zh' in page
        files = set(re.findall(r'(?:href|src)="(/[^"?#]*static/[^"?#]+)', page))
        assert files
        for file in files:
            browser.get(file).raise_for_status()
        assert browser.get("/api/openapi.json").raise_for_status().json()["openapi"].startswith("3.1")
        browser.get("/readyz").raise_for_status()


def try_images(url: str) -> None:
    said("user", "password", "admin", "--password-stdin", typed=PASSWORD)
    with Client(url, username="admin", password=PASSWORD) as client:
        image = Image.of({"etc/motd": "hello"})
        client.push(image, "library/app:1")
        assert client.pull("library/app:1") == image


def said(*arguments: str, typed: str = "") -> str:
    return subprocess.run([COVE, *arguments], input=typed, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
