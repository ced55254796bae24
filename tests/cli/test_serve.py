import json
import socket
import sqlite3
import ssl
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.running import COVE, ROOT, Serve, environment


def refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """The one line of a `cove serve` that does not start."""
    ended = subprocess.run(
        [*COVE, "serve", *arguments],
        env=environment(**settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    return line


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_password_is_printed_at_the_first_start_only_and_it_works(serve: Serve, tmp_path: Path) -> None:
    first = serve("--data", "registry")
    [link] = [line.removeprefix("Set up the registry: ") for line in first.shown if line.startswith("Set up")]
    assert httpx.get(link).status_code == 200
    assert first.sign_in("admin", first.password) == 200
    assert httpx.get(link).status_code == 404
    assert f"This is the first start: {tmp_path / 'registry'} was made." in first.shown
    assert first.stop() == 0
    second = serve("--data", "registry")
    assert second.shown == [f"Cove is ready at {second.url}"]
    assert second.sign_in("admin", first.password) == 200
    assert first.password not in first.log.read_text()


def test_password_of_the_setting_is_taken_and_not_printed(serve: Serve) -> None:
    server = serve(admin_password="Canary-4711")
    assert "  Password        as given in COVE_ADMIN_PASSWORD" in server.shown
    assert "Canary" not in "\n".join(server.shown)
    assert server.sign_in("admin", "Canary-4711") == 200


def test_password_of_the_setting_may_be_weak_but_is_called_so(serve: Serve) -> None:
    server = serve(admin_password="canary")
    assert server.sign_in("admin", "canary") == 200
    assert "weak" in "\n".join(server.shown)
    assert "canary" not in "\n".join(server.shown)


def test_password_that_nobody_could_type_stops_the_start_without_being_shown(tmp_path: Path) -> None:
    line = refusal(tmp_path, "--port", "0", admin_password="canary" * 30)
    assert "1 to 128 characters" in line
    assert "canary" not in line


def test_no_password_reaches_the_log_whether_it_is_right_or_wrong(serve: Serve) -> None:
    server = serve(admin_password="Canary-4711", log_level="debug")
    assert server.sign_in("admin", "Canary-4711") == 200
    assert server.sign_in("admin", "Canary-4712") == 401
    form = {"grant_type": "password", "service": "cove", "username": "admin", "password": "Canary-4711"}
    assert httpx.post(f"{server.url}/service/token", data=form).status_code == 200
    assert server.stop() == 0
    assert "/service/token" in server.log.read_text()
    assert "anary" not in server.log.read_text()


def test_json_log_is_one_object_a_line(serve: Serve) -> None:
    server = serve("--log-format", "json")
    assert httpx.get(f"{server.url}/v2/").status_code == 401
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    [access] = [line for line in lines if line["logger"] == "cove.access"]
    assert (access["method"], access["path"], access["status"]) == ("GET", "/v2/", 401)


def test_ephemeral_registry_prints_one_line_and_leaves_nothing_behind(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server = serve("--ephemeral")
    assert server.shown == [f"Cove is ready at {server.url}"]
    assert httpx.get(f"{server.url}/v2/").status_code == 200
    assert len(list(tmp_path.glob("cove-*"))) == 1
    assert server.stop() == 0
    assert server.process.stdout is not None
    assert server.process.stdout.read() == ""
    assert list(tmp_path.glob("cove-*")) == []


def test_listening_to_everybody_shows_how_docker_is_told(serve: Serve) -> None:
    server = serve("--host", "0.0.0.0")
    port = server.url.rpartition(":")[2]
    assert server.url == f"http://localhost:{port}"
    [setting] = [line for line in server.shown if "insecure-registries" in line]
    [address] = json.loads(setting)["insecure-registries"]
    assert address.endswith(f":{port}")


def test_certificate_and_key_make_it_https(serve: Serve, certificate: tuple[Path, Path]) -> None:
    server = serve("--host", "localhost", "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    assert server.url.startswith("https://localhost:")
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    assert httpx.get(f"{server.url}/v2/", verify=trusted).status_code == 401


def test_two_workers_serve_one_registry_and_stop_with_it(serve: Serve) -> None:
    server = serve("--workers", "2")
    assert server.sign_in("admin", server.password) == 200
    assert server.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/v2/")


def test_failed_start_does_not_use_up_the_first_start(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusal(tmp_path, "--port", "0", "--tls-cert", "file", "--tls-key", "file")
    refusal(tmp_path, "--port", "0", storage_url=(tmp_path / "file").as_uri())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refusal(tmp_path, "--port", str(taken.getsockname()[1]))
    server = serve()
    assert server.sign_in("admin", server.password) == 200


def test_wrong_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "--port", "http").startswith("cove: --port must be a whole number")
    assert refusal(tmp_path, wokers="2") == (
        "cove: COVE_WOKERS in the environment is not a setting; did you mean COVE_WORKERS?"
    )
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}" in refusal(tmp_path, "--port", port)


def test_data_that_cannot_be_a_folder_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(tmp_path, "--port", "0", "--data", str(tmp_path / "file"))


def test_data_of_a_newer_version_stops_the_start_with_one_line(serve: Serve, tmp_path: Path) -> None:
    assert serve().stop() == 0
    with closing(sqlite3.connect(tmp_path / "cove-data" / "cove.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    assert "schema 9999" in refusal(tmp_path, "--port", "0")


def test_place_for_blobs_that_cannot_be_a_folder_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(tmp_path, "--port", "0", storage_url=(tmp_path / "file").as_uri())


def test_certificate_that_is_none_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(tmp_path, "--port", "0", "--tls-cert", "file", "--tls-key", "file")
    assert line.startswith("cove: tls_cert and tls_key cannot be used: ")


def test_unknown_option_is_a_usage_error() -> None:
    ended = subprocess.run([*COVE, "serve", "--prot", "1"], env=environment(), capture_output=True, check=False)
    assert ended.returncode == 2
    assert b"--port" in ended.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["health", "--port", "1"]])
def test_what_engines_and_people_ask_often_is_answered_without_loading_the_server(arguments: list[str]) -> None:
    program = (
        "import sys, registry.cli\n"
        f"try: registry.cli.main({arguments})\n"
        "finally: print(sorted({'sqlalchemy', 'uvicorn', 'starlette', 'passlib'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stdout.endswith("\n[]\n"), ended.stderr


def test_help_lists_the_commands() -> None:
    ended = subprocess.run([*COVE, "--help"], env=environment(), capture_output=True, text=True, check=True)
    for name in ("serve", "user", "project", "member"):
        assert f"\n  {name} " in ended.stdout


def test_version_is_that_of_the_package() -> None:
    ended = subprocess.run([*COVE, "--version"], env=environment(), capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("cove 0.")
