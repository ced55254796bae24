"""A registry whose records are in PostgreSQL, while that is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.config import Config
from tests.http.serving import PASSWORD, Registry, running
from tests.storage.postgres_server import PostgresServer
from tests.storage.wires import Wire, wire_to


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[Wire]:
    with wire_to(postgres.port) as wire:
        yield wire


@pytest.fixture
def registry(postgres: PostgresServer, wire: Wire, tmp_path: Path) -> Iterator[Registry]:
    address = wire.address(postgres.make_database())
    with running(Config(data=tmp_path, database_url=address, admin_password=PASSWORD)) as registry:
        registry.projects.create("team")
        yield registry


REQUESTS = [
    ("GET", "/v2/", None),
    ("GET", "/v2/team/app/tags/list", "admin"),
    ("GET", "/v2/team/app/manifests/1", None),
    ("POST", "/v2/team/app/blobs/uploads/", "admin"),
    ("GET", "/service/token?service=cove", "admin"),
    ("GET", "/readyz", None),
]


def test_while_the_database_is_away_everybody_is_told_to_come_back_and_nobody_why(
    registry: Registry, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    digest = registry.push_image("team/app", "1")
    wire.is_down = True
    wire.cut()
    for method, path, user in REQUESTS[1:]:
        answer = registry.client(user).request(method, path)
        assert answer.status_code == 503, answer.text
        assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
        assert int(answer.headers["retry-after"]) > 0
        assert str(wire.port) not in answer.text
        assert "cove_" not in answer.text
    assert registry.client().get("/healthz").status_code == 200
    assert str(wire.port) in caplog.text
    assert "canary" not in caplog.text
    wire.is_down = False
    assert registry.client().get("/readyz").status_code == 200
    assert registry.client("admin").get("/v2/team/app/manifests/1").headers["docker-content-digest"] == str(digest)


def test_connections_that_were_cut_are_not_noticed_by_clients(
    registry: Registry, postgres: PostgresServer, wire: Wire
) -> None:
    registry.push_image("team/app", "1")
    postgres.end_connections(registry.config.database_url or "")
    assert registry.client("admin").get("/v2/team/app/tags/list").json()["tags"] == ["1"]
    registry.push_image("team/app", "2")


def test_data_folder_has_no_records(registry: Registry) -> None:
    registry.push_image("team/app", "1")
    assert {path.name for path in registry.config.data.iterdir()} <= {"blobs", "uploads", "serving.lock"}
