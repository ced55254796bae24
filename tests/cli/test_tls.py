"""`cove tls self-signed`: what it makes is what strict clients accept, and what a server takes over."""

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from registry.cli import main
from tests.cli.running import Serve

Make = Callable[..., dict[str, str]]


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["tls", "self-signed", *arguments, "--data", str(tmp_path / "data")])


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(*arguments: str) -> dict[str, str]:
        result = run(tmp_path, *arguments, "--json")
        assert result.exit_code == 0, result.output
        told: dict[str, str] = json.loads(result.stdout)
        return told

    return made


def accepts(told: dict[str, str], name: str, authority: str | None = None) -> bool:
    """Whether a client that is as strict as can be, and trusts the authority, accepts the certificate for a name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(told["certificate"], told["key"])
    client = ssl.create_default_context(cafile=authority or told["authority"])
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [server.wrap_bio(ours, theirs, server_side=True), client.wrap_bio(theirs, ours, server_hostname=name)]
    try:
        for end in (ends[1], ends[0], ends[1]):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError:
        return False
    return True


@pytest.mark.parametrize("name", ["registry.lan", "192.0.2.7", "2001:db8::1", "localhost", "127.0.0.1", "::1"])
def test_certificate_is_good_for_its_names_and_for_this_machine(make: Make, name: str) -> None:
    assert accepts(make("registry.lan", "192.0.2.7", "2001:db8::1"), name)


def test_certificate_is_good_for_nothing_else(make: Make) -> None:
    told = make("registry.lan")
    assert not accepts(told, "other.lan")
    assert not accepts(told, "sub.registry.lan")


def test_wildcard_stands_for_one_label(make: Make) -> None:
    told = make("*.registry.lan")
    assert accepts(told, "eu.registry.lan")
    assert not accepts(told, "a.b.registry.lan")


def test_certificate_of_another_authority_is_refused(make: Make) -> None:
    told = make("registry.lan")
    other = make("registry.lan", "--folder", str(Path(told["key"]).parents[1] / "other"))
    assert not accepts(told, "registry.lan", authority=other["authority"])


def test_second_certificate_is_of_the_same_authority(make: Make) -> None:
    authority = Path(make("registry.lan")["authority"]).read_bytes()
    told = make("other.lan", "--days", "10")
    assert Path(told["authority"]).read_bytes() == authority
    assert accepts(told, "other.lan")
    assert told["expires"] < told["authority_expires"]


def test_keys_are_for_their_owner_alone(make: Make) -> None:
    folder = Path(make("registry.lan")["key"]).parent
    assert {file.name for file in folder.iterdir()} == {"ca.crt", "ca.key", "server.crt", "server.key"}
    assert {file.stat().st_mode & 0o777 for file in folder.glob("*.key")} == {0o600}


def test_name_of_the_registry_is_that_of_its_public_address(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVE_PUBLIC_URL", "https://registry.example:8443")
    assert accepts(make(), "registry.example")


def test_this_machine_is_meant_where_nothing_is_named(make: Make) -> None:
    assert accepts(make(), socket.gethostname())


@pytest.mark.parametrize("name", ["two words", "x-", "a..b", "a" * 300, "https://registry.lan", ""])
def test_what_is_no_name_is_refused_and_named(tmp_path: Path, name: str) -> None:
    result = run(tmp_path, name)
    assert result.exit_code == 1
    assert "neither a host name nor an address" in result.output


def test_files_of_something_else_are_not_taken_for_an_authority(make: Make, tmp_path: Path) -> None:
    folder = Path(make("registry.lan")["key"]).parent
    (folder / "server.key").replace(folder / "ca.key")
    assert "the key is not that of the certificate" in run(tmp_path, "registry.lan").output
    (folder / "ca.key").write_text("nothing")
    assert "not a certificate and a key in PEM" in run(tmp_path, "registry.lan").output


def test_what_it_prints_names_the_registry_as_clients_do(tmp_path: Path) -> None:
    text = run(tmp_path, "registry.lan").output
    ca = tmp_path / "data" / "tls" / "ca.crt"
    for line in (
        f"cp {ca} /etc/docker/certs.d/registry.lan:5000/ca.crt",
        f"cp {ca} /etc/containers/certs.d/registry.lan:5000/ca.crt",
        f'ca = "{ca}"',
        f"curl --cacert {ca} https://registry.lan:5000/v2/",
    ):
        assert f"  {line}\n" in text


@pytest.mark.slow
def test_running_server_takes_over_what_is_made_anew(serve: Serve, make: Make) -> None:
    told = make("registry.lan")
    server = serve("--tls-cert", told["certificate"], "--tls-key", told["key"])
    port = int(server.url.rpartition(":")[2])

    def shown() -> bytes:
        trusting = ssl.create_default_context(cafile=told["authority"])
        with (
            socket.create_connection(("127.0.0.1", port), 30) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as wire,
        ):
            return wire.getpeercert(binary_form=True) or b""

    first = shown()
    make("registry.lan")
    assert shown() != first
