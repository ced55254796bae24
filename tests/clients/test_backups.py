"""Images that real clients pushed, backed up while the server runs, and pulled from a server elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import registries
from tests.clients.conftest import populate
from tests.clients.images import make_layout
from tests.clients.programs import Client, bare_environment, find_program
from tests.clients.registries import Registry, password_of
from tests.clients.test_skopeo import FROM, TO, push_index

pytestmark = pytest.mark.clients

NAMES = ["team/app:1", "team/app:latest", "open/copy:1", "team/multi:all", "team/multi:amd64", "team/multi:arm64"]


@pytest.fixture
def sign_in(homes: Callable[[], Path]) -> Callable[[str, Registry, str], Client]:
    """Gives a program that has signed in to a server as a user."""
    logins = {"skopeo": ("login", "--tls-verify=false"), "crane": ("auth", "login")}

    def start(program: str, registry: Registry, user: str) -> Client:
        home = homes()
        client = Client((find_program(program),), bare_environment(home), home)
        options = ("--username", user, "--password-stdin", registry.address)
        client.run(*logins[program], *options, stdin=f"{password_of(user)}\n")
        return client

    return start


def digests(skopeo: Client, registry: Registry) -> dict[str, str]:
    """Of the manifests as the server sends them."""
    options = ("--format", "{{.Digest}}", "--tls-verify=false")
    return {name: skopeo.run("inspect", *options, f"docker://{registry.address}/{name}") for name in NAMES}


def test_every_tag_is_pulled_after_a_restoration_elsewhere(
    sign_in: Callable[[str, Registry, str], Client], umoci: Client, tmp_path: Path
) -> None:
    backup, here, there = (tmp_path / name for name in ("backup", "here", "there"))
    here.mkdir()
    there.mkdir()
    with registries.serve(here) as server:
        populate(server)
        skopeo, crane = sign_in("skopeo", server, "alice"), sign_in("crane", server, "alice")
        layout = make_layout(umoci)
        for name in NAMES[:3]:
            skopeo.run("copy", TO, f"oci:{layout}:1", f"docker://{server.address}/{name}")
        push_index(skopeo, crane, umoci, f"{server.address}/team/multi")
        before = digests(skopeo, server)
        record = json.loads(server.cove("backup", str(backup), "--json"))
        assert record["backup"]["rows"]["tags"] == len(NAMES)
    Registry("", there / "data").cove("restore", str(backup))
    with registries.serve(there) as restored:
        guest = sign_in("skopeo", restored, "gus")
        assert digests(guest, restored) == before
        for number, name in enumerate(NAMES):
            remote = f"docker://{restored.address}/{name}"
            guest.run("copy", "--all", FROM, remote, f"dir:{tmp_path / f'pulled-{number}'}")
        again = sign_in("skopeo", restored, "alice")
        again.run("copy", TO, f"oci:{make_layout(umoci)}:1", f"docker://{restored.address}/team/app:2")
