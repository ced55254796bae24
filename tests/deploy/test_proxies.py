"""Behind the proxies of deploy/, as they are configured there."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from storage.digest import Digest
from tests.clients import registries
from tests.deploy import proxies
from tests.deploy.proxies import Proxy
from tests.http import certificates

pytestmark = pytest.mark.clients

LAYER = bytes(range(256)) * 256 * 1024  # 64 MiB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry that believes proxies on this machine."""
    folder = tmp_path_factory.mktemp("cove")
    with registries.serve(folder, COVE_TRUSTED_PROXIES="127.0.0.1,::1") as registry:
        yield registry.address


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    pair = certificates.certificate(folder)
    made = proxies.caddy(folder / "c", [server]) if request.param == "caddy" else None
    with made or proxies.nginx(folder / "n", [server], pair) as running:
        yield running


@pytest.fixture
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    trusting = ssl.create_default_context(cafile=str(proxy.authority))
    credentials = ("admin", registries.password_of("admin"))
    with httpx.Client(base_url=proxy.url, verify=trusting, auth=credentials, timeout=60) as made:
        yield made


def test_clients_are_sent_to_the_token_service_by_the_address_they_used(client: httpx.Client, proxy: Proxy) -> None:
    answer = client.get("/v2/", auth=httpx.Auth())
    assert answer.status_code == 401
    assert f'realm="{proxy.url}/service/token"' in answer.headers["www-authenticate"]


def test_large_layer_goes_in_and_comes_out(client: httpx.Client, proxy: Proxy) -> None:
    digest = str(Digest.of(LAYER))
    begun = client.post("/v2/library/app/blobs/uploads/")
    assert begun.status_code == 202
    location = httpx.URL(proxy.url).join(begun.headers["location"])
    assert str(location).startswith(proxy.url)
    done = client.put(location, params={"digest": digest}, content=LAYER)
    assert done.status_code == 201
    pulled = client.get(f"/v2/library/app/blobs/{digest}")
    assert pulled.content == LAYER
    head = client.head(f"/v2/library/app/blobs/{digest}")
    assert head.headers["content-length"] == str(len(LAYER))
    part = client.get(f"/v2/library/app/blobs/{digest}", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, LAYER[5:10])


def test_request_reaches_the_registry_before_its_body_is_complete(proxy: Proxy) -> None:
    """So no proxy keeps layers: without a name, the answer to the head of a request is 401."""
    place = urlsplit(proxy.url)
    trusting = ssl.create_default_context(cafile=str(proxy.authority))
    with (
        socket.create_connection(("127.0.0.1", int(place.port or 0)), 30) as plain,
        trusting.wrap_socket(plain, server_hostname=proxies.NAME) as wire,
    ):
        request = "POST /v2/library/app/blobs/uploads/ HTTP/1.1"
        wire.sendall(f"{request}\r\nHost: {place.netloc}\r\nContent-Length: 5000000000\r\n\r\n".encode())
        wire.settimeout(0.2)
        answer = b""
        for _ in range(100):  # some proxies look for an answer only between two pieces
            wire.sendall(bytes(20_000))
            with suppress(TimeoutError):
                answer = wire.recv(100)
                break
        assert answer.startswith(b"HTTP/1.1 401 ")


def test_numbers_of_the_registry_are_not_told_outside(client: httpx.Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/healthz").status_code == 200


def test_page_works_behind_the_proxy(client: httpx.Client) -> None:
    answer = client.get("/ui/", follow_redirects=True)
    assert answer.status_code == 200
    assert str(answer.url).startswith(str(client.base_url))
