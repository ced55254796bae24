"""A registry whose records are in PostgreSQL, while that is away."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest

from registry.config import Config
from storage.digest import Digest
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


ODD = ["\0", "a\0b", "\N{SNOWMAN}\0", "%ED%A0%80"]  # the last is a lone surrogate, as far as there is one in UTF-8


@pytest.mark.parametrize("odd", [quote(text, safe="%") for text in ODD])
def test_texts_that_the_database_cannot_hold_are_no_failure_of_the_registry(registry: Registry, odd: str) -> None:
    registry.push_image("team/app", "1")
    digest = Digest.of(b"layer")
    client = registry.client("admin")
    answers = [
        client.get(f"/v2/_catalog?last={odd}"),
        client.get(f"/v2/team/app/tags/list?last={odd}"),
        client.get(f"/v2/team/app/referrers/{digest}?artifactType={odd}"),
        client.get(f"/v2/team/app/manifests/{odd}"),
        client.get(f"/v2/team/{odd}/tags/list"),
        client.get(f"/v2/team/app/blobs/uploads/{odd}"),
        client.patch(f"/v2/team/app/blobs/uploads/{odd}", content=b"bytes"),
        client.post(f"/v2/team/app/blobs/uploads/?mount={digest}&from={odd}"),
        client.post(f"/v2/team/app/blobs/uploads/?mount={odd}&from=team/app"),
        client.get(f"/service/token?service=cove&scope=repository:{odd}:pull&account={odd}"),
        registry.client().post(
            "/service/token",
            content=f"grant_type=password&service=cove&client_id=c&username={odd}&password={odd}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        registry.client().get("/v2/", headers={"Authorization": f"Basic {basic(odd)}"}),
    ]
    assert [(str(answer.request.url), answer.text) for answer in answers if answer.status_code >= 500] == []


def basic(odd: str) -> str:
    return base64.b64encode(unquote_to_bytes(odd) + b":word").decode()


def test_data_folder_has_no_records(registry: Registry) -> None:
    registry.push_image("team/app", "1")
    assert {path.name for path in registry.config.data.iterdir()} <= {"blobs", "notes", "uploads", "serving.lock"}
