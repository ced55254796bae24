"""`cove doctor` finds what is wrong with set-ups that are broken on purpose, and says how to mend it."""

import json
import os
import resource
import shutil
import socket
import ssl
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry.app import prepare
from registry.authorities import issue, make_authority
from registry.cli import main
from registry.config import Config
from registry.doctor import machine, network
from storage.metadata.database import Database
from tests.http.serving import running

Finding = dict[str, str]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("COVE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A registry that was started once."""
    folder = tmp_path / "data"
    prepare(Config(data=folder))
    return folder


def examine(data: Path, **settings: str) -> list[Finding]:
    variables = {f"COVE_{name.upper()}": value for name, value in settings.items()}
    result = CliRunner().invoke(main, ["doctor", "--json", "--data", str(data)], env=variables)
    told = json.loads(result.stdout)
    assert result.exit_code == (0 if told["healthy"] else 1), result.output
    assert told["healthy"] == all(finding["level"] != "wrong" for finding in told["findings"])
    found: list[Finding] = told["findings"]
    assert all(finding["advice"] for finding in found if finding["level"] != "good")
    return found


def the(level: str, found: list[Finding], subject: str) -> str:
    """What is said of the subject at this level, with the advice."""
    said = [f"{f['what']}. {f['advice']}" for f in found if (f["level"], f["subject"]) == (level, subject)]
    assert len(said) == 1, found
    return said[0]


def bad(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding["level"] == "wrong"]


def test_nothing_is_wrong_with_a_registry_that_was_set_up_well(data: Path) -> None:
    found = examine(data)
    assert bad(found) == []
    subjects = {finding["subject"] for finding in found if finding["level"] == "good"}
    assert subjects >= {"settings", "data folder", "storage", "database", "workers"}


def test_running_registry_is_asked_at_its_public_address(tmp_path: Path) -> None:
    with running(Config(data=tmp_path / "data")) as registry:
        found = examine(tmp_path / "data", public_url=registry.url)
    assert bad(found) == []
    assert "own token service" in the("good", found, "public address")
    assert "same time" in the("good", found, "clock")
    assert "any size" in the("good", found, "large layers")


def test_text_has_a_line_for_each_finding_and_one_of_advice(data: Path) -> None:
    data.chmod(0o755)
    result = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    assert f"WARNING data folder: others may look into {data}.\n        There are keys" in result.output
    assert "to look at." in result.output


# Settings


def test_setting_that_does_not_exist_is_found(data: Path) -> None:
    assert "did you mean COVE_WORKERS?" in the("wrong", examine(data, wokers="2"), "settings")


def test_everybody_as_a_trusted_proxy_is_found(data: Path) -> None:
    assert "any client can claim" in the("wrong", examine(data, trusted_proxies="0.0.0.0/0"), "trusted_proxies")


def test_clear_text_for_others_is_found(data: Path) -> None:
    assert "clear text" in the("warning", examine(data, host="0.0.0.0"), "TLS")


# The machine


def test_file_instead_of_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder" in the("wrong", examine(tmp_path / "file", storage_url=tmp_path.as_uri()), "data folder")


def test_folder_that_is_not_there_yet_is_told(tmp_path: Path) -> None:
    assert "not there yet" in the("warning", examine(tmp_path / "none"), "data folder")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another account")
def test_file_of_another_account_is_found(data: Path) -> None:
    os.chown(data / "cove.db", 65532, 65532)
    assert "cove.db" in (said := the("wrong", examine(data), "data folder"))
    assert f"chown --recursive USER {data}" in said


def test_folder_that_others_may_look_into_is_found(data: Path) -> None:
    data.chmod(0o750)
    assert f"chmod 700 {data}" in the("warning", examine(data), "data folder")


@pytest.mark.parametrize(("free", "level"), [(10_000_000, "wrong"), (1_000_000_000, "warning")])
def test_disk_that_fills_up_is_found(data: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - free, free))
    assert "cove gc --free-now" in the(level, examine(data), "disk")


def test_sqlite_on_a_file_system_of_the_network_is_found(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/x {data} nfs4 rw 0 0\n")
    monkeypatch.setattr(machine, "_MOUNTS", mounts)
    found = [f for f in bad(examine(data)) if f["subject"] == "data folder"]
    assert "nfs4" in found[0]["what"]


def test_too_few_open_files_are_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert "LimitNOFILE" in the("warning", examine(data), "open files")


@pytest.mark.parametrize(("workers", "level"), [("2", "wrong"), ("1", "warning")])
def test_sqlite_that_loses_data_is_found(data: Path, monkeypatch: pytest.MonkeyPatch, workers: str, level: str) -> None:
    class Old:
        sqlite_version_info, sqlite_version = (3, 40, 1), "3.40.1"

    monkeypatch.setattr(machine, "sqlite_driver", lambda: Old)
    assert "3.40.1 can lose data" in the(level, examine(data, workers=workers), "SQLite")


def test_too_many_workers_are_found(data: Path) -> None:
    assert "200 workers share" in the("warning", examine(data, workers="200"), "workers")


# Where things are kept


def test_records_of_a_newer_version_are_found(data: Path) -> None:
    with closing(Database.open(data / "cove.db")) as database, database.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version (schema 9999" in the("wrong", examine(data), "database")


def test_database_that_does_not_answer_is_found(data: Path) -> None:
    url = f"postgresql://cove:canary-4711@127.0.0.1:{closed_port()}/cove?connect_timeout=2"
    said = the("wrong", examine(data, database_url=url), "database")
    assert "database_url" in said
    assert "canary" not in said


def test_storage_of_another_registry_is_found(data: Path, tmp_path: Path) -> None:
    prepare(Config(data=tmp_path / "other"))
    found = bad(examine(data, storage_url=(tmp_path / "other").as_uri()))
    assert [f["subject"] for f in found] == ["storage"]
    assert "another registry" in found[0]["what"]


def test_storage_that_is_not_mounted_is_found(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    [found] = bad(examine(data, storage_url=(tmp_path / "empty").as_uri()))
    assert "mounted" in found["advice"]


def test_storage_that_does_not_answer_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    settings = {"s3_endpoint": f"http://127.0.0.1:{closed_port()}", "s3_timeout_seconds": "1"}
    assert "credentials" in the("wrong", examine(data, storage_url="s3://bucket/x", **settings), "storage")


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


# Certificates


def certificate(folder: Path, *names: str, days: int) -> dict[str, str]:
    """The settings of a certificate that ends in so many days."""
    now = datetime.now(UTC)
    pair = issue(make_authority(now), names, min(now, now + timedelta(days=days - 1)), max(days, 1))
    chain, key = folder / "server.crt", folder / "server.key"
    chain.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    key.chmod(0o600)
    return {"tls_cert": str(chain), "tls_key": str(key)}


@pytest.mark.parametrize(
    ("days", "level", "words"), [(-3, "wrong", "ended on"), (5, "warning", "ends in 4 days"), (99, "good", "98 days")]
)
def test_end_of_the_certificate_is_told(data: Path, tmp_path: Path, days: int, level: str, words: str) -> None:
    assert words in the(level, examine(data, **certificate(tmp_path, "r.lan", days=days)), "certificate")


def test_certificate_for_another_name_is_found(data: Path, tmp_path: Path) -> None:
    url = f"https://localhost:{closed_port()}"
    found = examine(data, public_url=url, **certificate(tmp_path, "r.lan", "192.0.2.1", days=99))
    assert "is not for localhost, but for r.lan, 192.0.2.1" in the("wrong", found, "certificate")


def test_wildcard_is_for_one_label(data: Path, tmp_path: Path) -> None:
    settings = certificate(tmp_path, "*.r.invalid", days=99)
    for name, expected in (("a.r.invalid", 0), ("b.a.r.invalid", 1)):
        found = examine(data, public_url=f"https://{name}", **settings)
        assert len([f for f in bad(found) if f["subject"] == "certificate"]) == expected


def test_key_that_does_not_belong_to_the_certificate_is_found(data: Path, tmp_path: Path) -> None:
    settings = certificate(tmp_path, "r.lan", days=99)
    (tmp_path / "other").mkdir()
    settings["tls_key"] = certificate(tmp_path / "other", "r.lan", days=99)["tls_key"]
    assert "belong together" in the("wrong", examine(data, **settings), "certificate")


def test_key_that_others_may_read_is_found(data: Path, tmp_path: Path) -> None:
    settings = certificate(tmp_path, "r.lan", days=99)
    Path(settings["tls_key"]).chmod(0o644)
    assert "chmod 600" in the("warning", examine(data, **settings), "certificate")


# The public address


class Answers(BaseHTTPRequestHandler):
    """A server that answers like a registry, as far as `fields` and `status` say so."""

    fields: dict[str, str]
    status = 401
    post: int | None = 401

    def do_GET(self) -> None:
        self.send_response_only(self.status)
        for name, value in self.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        if self.post is None:
            while self.rfile.read(65536):
                pass
            return
        self.send_response_only(self.post)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def answering(**how: Any) -> Iterator[str]:
    """The address of such a server; `fields` are functions of it."""
    fields: dict[str, str] = {}
    handler = type("Handler", (Answers,), {**how, "fields": fields})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        fields |= {name: value.format(url=url) for name, value in how.get("fields", {}).items()}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


REGISTRY = {
    "Docker-Distribution-Api-Version": "registry/2.0",
    "WWW-Authenticate": 'Bearer realm="{url}/service/token",service="cove"',
}


def test_public_address_where_nobody_listens_is_found(data: Path) -> None:
    found = examine(data, public_url=f"http://127.0.0.1:{closed_port()}")
    assert "firewall" in the("wrong", found, "public address")


def test_public_address_of_something_else_is_found(data: Path) -> None:
    with answering(status=200) as url:
        assert "something else than a registry" in the("wrong", examine(data, public_url=url), "public address")


def test_registry_that_sends_clients_elsewhere_is_found(data: Path) -> None:
    fields = {**REGISTRY, "WWW-Authenticate": 'Bearer realm="http://old.example/service/token"'}
    with answering(fields=fields) as url:
        assert "http://old.example" in the("wrong", examine(data, public_url=url), "public address")


def test_certificate_that_nobody_trusts_is_found(data: Path, tmp_path: Path) -> None:
    settings = certificate(tmp_path, "localhost", days=99)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings["tls_cert"], settings["tls_key"])
    with socket.create_server(("127.0.0.1", 0)) as plain, context.wrap_socket(plain, server_side=True) as wire:
        port = wire.getsockname()[1]

        def take() -> None:
            with pytest.raises(ssl.SSLError):
                wire.accept()

        thread = threading.Thread(target=take)
        thread.start()
        found = examine(data, public_url=f"https://localhost:{port}")
        thread.join()
    assert "cove tls self-signed" in the("wrong", found, "public address")


@pytest.mark.parametrize(("hours", "where"), [(1, "behind"), (-1, "ahead of")])
def test_wrong_clock_is_found(data: Path, hours: int, where: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with answering(fields={**REGISTRY, "Date": date}) as url:
        assert f"is {where} that of {url} by 3,6" in the("wrong", examine(data, public_url=url), "clock").replace(
            "by 3,59", "by 3,6"
        )


def test_proxy_that_refuses_large_requests_is_found(data: Path) -> None:
    with answering(fields=REGISTRY, post=413) as url:
        assert "client_max_body_size 0" in the("wrong", examine(data, public_url=url), "large layers")


def test_proxy_that_keeps_whole_requests_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_SECONDS", 1)
    with answering(fields=REGISTRY, post=None) as url:
        assert "proxy_request_buffering off" in the("wrong", examine(data, public_url=url), "large layers")
