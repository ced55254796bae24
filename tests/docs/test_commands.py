"""Every command that the pages tell people to type is typed, each page on a machine of its own."""

import os
import subprocess
import sys
import tempfile

import pytest

from tests.clients.programs import ROOT, find_program, miss
from tests.docs.not_run import NOT_RUN, is_run
from tests.docs.pages import blocks, commands, pages
from tests.docs.preparations import PREPARATIONS, preparation

SECONDS = 500
RUN = [page for page in pages() if not page.startswith("zh/") and any(map(is_run, commands(page)))]


@pytest.mark.clients
@pytest.mark.timeout(SECONDS + 20)
@pytest.mark.parametrize("page", RUN)
def test_commands_of_the_page_do_what_they_should(page: str) -> None:
    if sys.platform != "linux" or os.getuid() != 0:
        miss("root, for a machine of the page's own,")
    for program in ("unshare", "ip", "faketime", *(("dockerd",) if "docker" in preparation(page).needs else ())):
        find_program(program)
    # The names of sockets are short, and so must be this.
    with tempfile.TemporaryDirectory(prefix="cove-", dir="/tmp") as folder:
        done = subprocess.run(
            ["unshare", "--net", "--mount", sys.executable, "-m", "tests.docs.machine", page, folder],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("COVE_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout.decode(errors="replace")


def test_commands_that_are_not_run_are_there() -> None:
    every = [command for page in pages() for command in commands(page)]
    for beginning in NOT_RUN:
        assert any(command.startswith(beginning) for command in every), beginning


def test_preparations_are_those_of_pages_and_of_their_commands() -> None:
    assert set(PREPARATIONS) <= set(RUN)
    for page, prepared in PREPARATIONS.items():
        for part in prepared.before:
            assert any(part in command for command in commands(page)), part
        for text in prepared.texts:
            assert any(text in block.text for block in blocks(page)), text
