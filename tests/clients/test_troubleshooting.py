"""Each message of docs/troubleshooting.md is what a real client prints, in the case that the page speaks of."""

import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from tests.clients.programs import ROOT, SignIn
from tests.clients.registries import Registry
from tests.http.certificates import certificate

pytestmark = pytest.mark.clients

PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
OF_PROXIES = "In the words of a proxy"


@pytest.fixture
def with_certificate(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a certificate of an authority that nobody knows; it gets no further with anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    with ThreadingTCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up in the handshake
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_address[1]}"
        server.shutdown()


def of_page(beginning: str) -> str:
    """The message of the page that begins so."""
    found: str
    [found] = [heading for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE) if heading.startswith(beginning)]
    return found


def test_page_has_these_messages_and_no_others() -> None:
    tested = set(re.findall(r'of_page\("(.*?)"\)', Path(__file__).read_text()))
    for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE):
        assert heading == OF_PROXIES or any(heading.startswith(beginning) for beginning in tested), heading


def test_registry_without_tls(registry: Registry, skopeo: SignIn) -> None:
    said = skopeo().fail("inspect", f"docker://{registry.address}/team/app:1")
    assert of_page("server gave HTTP") in said


def test_certificate_that_nobody_knows(with_certificate: str, skopeo: SignIn) -> None:
    said = skopeo().fail("inspect", f"docker://{with_certificate}/team/app:1")
    assert of_page("certificate signed") in said


def test_wrong_password(registry: Registry, docker: SignIn, skopeo: SignIn) -> None:
    wrong = ("login", "--username", "nobody", "--password-stdin", registry.address)
    assert of_page("incorrect username") in docker().fail(*wrong, stdin="not it\n")
    assert "invalid username/password" in skopeo().fail(*wrong, "--tls-verify=false", stdin="not it\n")


def test_too_many_wrong_passwords(registry: Registry, docker: SignIn) -> None:
    client, wrong = docker(), ("login", "--username", "mallory", "--password-stdin", registry.address)
    said = [client.fail(*wrong, stdin="not it\n") for _ in range(11)]
    assert "too many failed sign-ins" in PAGE
    assert "too many failed sign-ins" in said[-1]


def test_pushes_that_are_refused(registry: Registry, docker: SignIn, small_image: str, name: str) -> None:
    clients = {user: docker(user) for user in ("alice", "gus", "stan", "admin")}
    for user, project, message in (
        ("gus", "team", of_page("denied: user 'gus'")),
        ("stan", "team", of_page("denied: user 'stan'")),
        ("admin", "nowhere", of_page("name unknown")),
    ):
        remote = f"{registry.address}/{project}/{name}:1"
        clients[user].run("tag", small_image, remote)
        assert message in clients[user].fail("push", remote)
    remote = f"{registry.address}/team/{name}:1"
    assert of_page("unauthorized") in docker().fail("push", remote)
    clients["alice"].run("push", remote)
    assert of_page("manifest unknown") in clients["alice"].fail("pull", f"{remote}-missing")


def test_push_that_does_not_fit(registry: Registry, docker: SignIn, small_image: str, name: str) -> None:
    registry.cove("project", "add", name, "--quota", "100")
    registry.cove("member", "add", name, "alice", "developer")
    client, remote = docker("alice"), f"{registry.address}/{name}/app:1"
    client.run("tag", small_image, remote)
    assert of_page("do not fit") in client.fail("push", remote)
