"""Clients trust a certificate of `cove tls self-signed` once they are set up as it says."""

import json
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import COVE, environment, start
from tests.clients.programs import Client, bare_environment, find_program
from tests.clients.registries import password_of
from tests.http.serving import MANIFEST_TYPE, image_manifest

pytestmark = pytest.mark.clients

NAME = "localhost"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the command says."""
    folder = tmp_path_factory.mktemp("tls")
    command = [*COVE, "tls", "self-signed", NAME, "--folder", str(folder)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def authority(told: str) -> Path:
    [found] = re.findall(r"^Clients trust it that have (\S+)\. ", told, re.MULTILINE)
    return Path(found)


@pytest.fixture(scope="module")
def address(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a registry with the certificate is; everybody may pull `library/app:1` from it."""
    log, folder, pair = tmp_path_factory.mktemp("cove") / "log", authority.parent, ("server.crt", "server.key")
    options = [
        option for file in pair for option in (f"--tls-{'key' if 'key' in file else 'cert'}", f"{folder / file}")
    ]
    with ExitStack() as stack:
        server = start(stack, log, ("--host", NAME, *options), {"admin_password": password_of("admin")})
        credentials, trusting = ("admin", password_of("admin")), ssl.create_default_context(cafile=str(authority))
        with httpx.Client(base_url=server.url, verify=trusting, auth=credentials, timeout=60) as client:
            push(client)
        yield server.url.removeprefix("https://")


def push(client: httpx.Client) -> None:
    digest = Digest.of(b"{}")
    answer = client.post("/v2/library/app/blobs/uploads/", params={"digest": str(digest)}, content=b"{}")
    assert answer.status_code == 201
    content = image_manifest(digest, 2, digest, 2)
    answer = client.put("/v2/library/app/manifests/1", content=content, headers={"Content-Type": MANIFEST_TYPE})
    assert answer.status_code == 201


@pytest.fixture
def program(homes: Callable[[], Path]) -> Callable[[str], Client]:
    def make(name: str) -> Client:
        home = homes()
        return Client((find_program(name),), bare_environment(home), home)

    return make


def test_curl_trusts_the_authority_and_nothing_without_it(
    program: Callable[[str], Client], address: str, authority: Path
) -> None:
    curl = program("curl")
    asked = (
        "--silent",
        "--show-error",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        f"https://{address}/v2/",
    )
    assert curl.run("--cacert", authority, *asked) == "401"
    assert "certificate" in curl.fail(*asked)


def test_skopeo_trusts_a_folder_with_the_authority(
    program: Callable[[str], Client], address: str, authority: Path
) -> None:
    skopeo = program("skopeo")
    folder = skopeo.home / "certs"
    folder.mkdir()
    (folder / "ca.crt").write_bytes(authority.read_bytes())
    found = skopeo.run("inspect", "--raw", "--cert-dir", folder, f"docker://{address}/library/app:1")
    assert json.loads(found)["mediaType"] == MANIFEST_TYPE
    assert "certificate" in skopeo.fail("inspect", "--raw", f"docker://{address}/library/app:1")


def test_containerd_trusts_what_its_settings_name(ctr: Client, told: str, address: str) -> None:
    [lines] = re.findall(r"hosts\.toml:\n\n((?:  .*\n)+)", told)
    [named] = re.findall(r'server = "https://(\S+)"', lines)
    folder = ctr.home / "certs" / address
    folder.mkdir(parents=True)
    (folder / "hosts.toml").write_text(lines.replace(named, address))
    ctr.run("content", "fetch", "--hosts-dir", ctr.home / "certs", f"{address}/library/app:1")
    ctr.fail("content", "fetch", f"{address}/library/app:1")
