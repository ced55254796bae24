"""The first hour of somebody new, in a real Chromium with a real client: from the printed link to the space freed."""

import random
import re
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.cli.running import Server, start
from tests.clients.conftest import short_folder
from tests.clients.daemons import run_containerd, run_dockerd
from tests.clients.programs import Client, bare_environment, find_program
from tests.ui.screens import CHROMIUM, VARIANTS, chromium
from tests.ui.test_browser import must_be_good

pytestmark = [pytest.mark.clients, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]
PASSWORD = "Story-pass1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with ExitStack() as stack:
        yield start(stack, tmp_path / "log", (), {"data": str(tmp_path / "data"), "gc_seconds": "0"})


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Client]:
    """The command line of a daemon of its own, which has one image."""
    with short_folder() as folder:
        for part in ("c", "d", "home"):
            (folder / part).mkdir()
        (folder / "content").write_bytes(random.Random(1).randbytes(200_000))
        with tarfile.open(folder / "layer.tar", "w") as layer:
            layer.add(folder / "content", "content")
        with run_containerd(folder / "c") as containerd, run_dockerd(folder / "d", containerd) as host:
            command = find_program("docker"), "--host", host
            client = Client(command, bare_environment(folder / "home"), folder / "home")
            client.run("import", str(folder / "layer.tar"), "story:1")
            yield client


def set_up(server: Server, page: Page) -> None:
    [link] = [line.removeprefix("Set up the registry: ") for line in server.shown if line.startswith("Set up")]
    assert page.context.browser
    for variant in VARIANTS.values():
        with page.context.browser.new_context(**variant) as context:
            other = context.new_page()
            other.goto(link)
            must_be_good(other, "setup")
    page.goto(link)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Set the password and sign in").click()
    expect(page.locator(".note")).to_contain_text("Welcome, admin")


def make_user(page: Page, name: str) -> None:
    page.get_by_role("link", name="Users").click()
    page.get_by_role("link", name="New user").click()
    for label, text in {
        "User name": name,
        "Full name": "Ann Story",
        "E-mail": f"{name}@example.com",
        "Password": PASSWORD,
    }.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Make the user").click()
    expect(page.locator(".note")).to_contain_text(f"User {name} was made.")


def make_project(page: Page, name: str, member: str) -> None:
    page.get_by_role("link", name="Projects").click()
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the project").click()
    page.get_by_role("link", name="Members").click()
    page.get_by_label("Name", exact=True).fill(member)
    page.get_by_role("button", name="Add member").click()
    expect(page.locator(".note")).to_contain_text(f"{member} is a member now.")
    page.get_by_role("link", name="Repositories").click()
    expect(page.locator("main")).to_contain_text("docker push")


def push(server: Server, docker: Client) -> None:
    host = server.url.removeprefix("http://")
    docker.run("login", "--username", "ann", "--password-stdin", host, stdin=f"{PASSWORD}\n")
    docker.run("tag", "story:1", f"{host}/story/app:1")
    docker.run("push", f"{host}/story/app:1")


def delete_tag_and_restore_it(page: Page) -> None:
    page.get_by_role("link", name="Delete tag 1").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("No other tag points to it.")
    dialog.get_by_role("button", name="Delete tag").click()
    expect(page.locator(".note")).to_contain_text("1 was deleted.")
    expect(page.locator("#list")).to_contain_text("no tag")
    page.locator(".note").get_by_role("button", name="Restore").click()
    expect(page.locator(".note")).to_contain_text("1 is back.")
    expect(page.locator("#list .tag")).to_contain_text("1")


def delete_artifact(page: Page) -> None:
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete the chosen ones").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text(re.compile(r"\d+ KiB are freed after the clean-up."))
    dialog.get_by_role("button", name="Delete 1 artifact").click()
    expect(page.locator("#list")).to_contain_text("No tags")


def clean_up(page: Page) -> None:
    page.get_by_role("link", name="Storage").click()
    expect(page.locator("#space")).to_contain_text("Why the rest stays")
    page.get_by_label("Also what was deleted").check()
    page.get_by_role("button", name="Clean up now").click()
    run = page.locator("#runs tbody").first  # the page looks for what becomes of it by itself
    expect(run).to_contain_text("done", timeout=60_000)
    expect(run).to_contain_text(re.compile(r"\d+ KiB"))
    page.reload()
    expect(page.locator("#space .figures li").first).to_contain_text("0 B")


def test_somebody_new_finds_the_way_from_the_link_to_the_space_freed(server: Server, docker: Client) -> None:
    with chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        set_up(server, page)
        make_user(page, "ann")
        make_project(page, "story", "ann")
        push(server, docker)
        page.locator("a.name", has_text="app").click(timeout=60_000)  # without anybody loading the page again
        page.get_by_role("link", name=re.compile("Show")).click()
        expect(page.locator("main")).to_contain_text("Layers")
        delete_tag_and_restore_it(page)
        delete_artifact(page)
        clean_up(page)
