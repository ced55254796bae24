"""What operators see: health, numbers, and one line for each request; and what nobody ever sees there."""

import base64
import io
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry import app
from registry.config import Config
from registry.jobs.scrub import SCRUB
from registry.logs import JsonLines
from registry.metrics import Metrics, Surroundings, forget_the_dead
from registry.places import open_database
from registry.values import networks
from storage.clock import now_ms
from storage.metadata import blobs, leases
from storage.metadata.database import Database
from tests.http import certificates
from tests.http.conftest import Make
from tests.http.raw import Client, eventually, get
from tests.http.serving import PASSWORD, Registry, running

LOGGERS = ("auth", "cove", "registry", "storage", "uvicorn")


class Lines(io.StringIO):
    """The log as JSON lines."""

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def about(self, response: httpx.Response) -> dict[str, Any]:
        """The access line of a request, which is written after its answer was sent."""
        wanted = response.headers["x-request-id"]
        assert eventually(lambda: any(line.get("request_id") == wanted for line in self.all()))
        [line] = [line for line in self.all() if line.get("request_id") == wanted]
        return line


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Everything that is logged at the most talkative level."""
    stream = Lines()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    yield stream
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def samples(registry: Registry, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The values of a metric by its labels."""
    response = registry.client().get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for family in text_string_to_metric_families(response.text):
        found.update({tuple(sorted(s.labels.items())): s.value for s in family.samples if s.name == name})
    return found


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def grows(read: Callable[[], float], act: Callable[[], object], by: float) -> bool:
    """Whether the value grows by so much: counts are made after the answer was sent."""
    before = read()
    act()
    return eventually(lambda: read() == before + by)


# Health


def test_health_and_readiness_are_open_to_everybody(registry: Registry) -> None:
    assert registry.client().get("/healthz").json() == {"status": "ok"}
    assert registry.client().get("/readyz").json() == {"status": "ready"}
    assert registry.client("nobody-here").get("/healthz").status_code == 200


def test_registry_with_a_broken_database_is_alive_and_not_ready(make_registry: Make) -> None:
    registry = make_registry()
    with registry.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE alembic_version RENAME TO gone")
    response = registry.client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert "retry-after" in response.headers
    assert registry.client().get("/healthz").status_code == 200
    with registry.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE gone RENAME TO alembic_version")
    assert registry.client().get("/readyz").status_code == 200


# Metrics


def test_metrics_tell_that_the_database_is_broken_instead_of_breaking_with_it(tmp_path: Path) -> None:
    garbage = tmp_path / "cove.db"
    garbage.write_bytes(b"no database" * 1000)
    with closing(Database.open(garbage)) as database:
        text = Metrics(database).render().decode()
    assert "cove_database_up 0.0" in text
    assert "cove_blobs" not in text


def test_requests_are_counted_by_method_route_and_status(registry: Registry) -> None:
    expected = labels(method="GET", route="/v2/{name:path}/tags/list", status="401")
    assert grows(
        lambda: samples(registry, "cove_http_requests_total").get(expected, 0),
        lambda: [registry.client().get(f"/v2/team/r{number}/tags/list") for number in range(3)],
        by=3,
    )


def test_durations_are_counted_in_buckets(registry: Registry) -> None:
    expected = labels(method="GET", route="/healthz", le="300.0")
    assert grows(
        lambda: samples(registry, "cove_http_request_seconds_bucket").get(expected, 0),
        lambda: registry.client().get("/healthz"),
        by=1,
    )


def test_bytes_are_counted_in_and_out(registry: Registry) -> None:
    content = b"x" * 12345
    digest = registry.push_blob("team/counted", b"first")
    assert grows(
        lambda: samples(registry, "cove_received_bytes_total")[()],
        lambda: registry.push_blob("team/counted", content),
        by=12345,
    )
    before = samples(registry, "cove_sent_bytes_total")[()]
    assert registry.client("admin").get(f"/v2/team/counted/blobs/{digest}").content == b"first"
    assert eventually(lambda: samples(registry, "cove_sent_bytes_total")[()] >= before + 5)


def test_age_of_the_oldest_reading_of_a_sound_blob_is_told(make_registry: Make) -> None:
    registry = make_registry()
    assert samples(registry, "cove_oldest_check_seconds")[()] == 0
    with registry.database.write() as tx:
        for hours in (1, 5, 9):
            tx.exec_driver_sql("UPDATE blobs SET damage = NULL")
            blob_id = blobs.add(tx, f"sha256:{hours}", 1, f"at/{hours}", 1)
            read_at = now_ms() - hours * 3_600_000
            tx.exec_driver_sql(f"UPDATE blobs SET checked_at = {read_at}, damage = 'is missing' WHERE id = {blob_id}")
    assert 5 * 3600 <= samples(registry, "cove_oldest_check_seconds")[()] < 6 * 3600
    assert samples(registry, "cove_blobs_damaged")[()] == 1


def test_blobs_are_read_again_and_counted_until_the_server_stops(
    make_registry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SCRUB_SECONDS", 0.01)
    registry = make_registry(scrub_bytes_per_second=1 << 40)
    registry.projects.create("team")
    registry.push_blob("team/a", b"12345")
    with registry.database.write() as tx:
        tx.exec_driver_sql("UPDATE blobs SET created_at = 1")
    names = ("cove_scrubbed_blobs_total", "cove_scrubbed_bytes_total")
    assert eventually(lambda: [samples(registry, name)[()] for name in names] == [1, 5])
    with registry.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(checked_at) FROM blobs").scalar() == 1


def test_server_that_reads_a_blob_slowly_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a byte a second the blob would take a day; what has ended has given its lease back."""
    monkeypatch.setattr(app, "SCRUB_SECONDS", 0.01)
    with running(Config(data=tmp_path / "data", admin_password=PASSWORD, scrub_bytes_per_second=1)) as registry:
        registry.push_blob("library/a", b"x" * 100_000)
        with registry.database.write() as tx:
            tx.exec_driver_sql("UPDATE blobs SET created_at = 1")

        def is_reading() -> bool:
            with registry.database.read() as tx:
                return leases.is_held(tx, SCRUB, now=now_ms())

        assert eventually(is_reading)
        config = registry.config
    with closing(open_database(config)) as database, database.read() as tx:
        assert not leases.is_held(tx, SCRUB, now=now_ms())


def test_uploads_in_progress_and_storage_used_are_told(make_registry: Make) -> None:
    registry = make_registry()
    registry.projects.create("team")
    names = ("cove_uploads_in_progress", "cove_blobs", "cove_storage_used_bytes")
    assert [samples(registry, name)[()] for name in names] == [0, 0, 0]
    location = registry.client("admin").post("/v2/team/app/blobs/uploads/").headers["location"]
    registry.push_blob("team/a", b"12345")
    registry.push_blob("team/b", b"12345")
    registry.push_blob("team/b", b"123")
    assert [samples(registry, name)[()] for name in names] == [1, 2, 8]
    registry.client("admin").delete(location)
    assert samples(registry, names[0])[()] == 0


def test_what_clean_ups_freed_is_told(make_registry: Make) -> None:
    registry = make_registry(gc_seconds=1, gc_grace_seconds=0)
    registry.projects.create("team")
    registry.push_blob("team/app", b"12345")
    assert eventually(lambda: samples(registry, "cove_cleaned_bytes_total")[()] == 5)
    assert samples(registry, "cove_cleaned_objects_total")[()] == 1
    assert samples(registry, "cove_objects_to_delete")[()] == 0


def test_labels_stay_few_whatever_clients_ask_for(registry: Registry) -> None:
    names = ("cove_http_requests_total", "cove_http_request_seconds_count")
    for number in range(30):
        registry.client().get(f"/random/{number}")
        registry.client().get(f"/v2/team/r{number}/manifests/{number}")
        registry.client().request(f"M{number}", "/v2/")
    for name in names:
        assert all("random" not in str(key) and "/r1" not in str(key) for key in samples(registry, name))
        assert {dict(key)["method"] for key in samples(registry, name)} <= {
            "GET",
            "HEAD",
            "PUT",
            "POST",
            "PATCH",
            "DELETE",
            "other",
        }
    assert {dict(key)["route"] for key in samples(registry, names[0])} <= {
        "none", "/healthz", "/readyz", "/metrics", "/service/token", "/v2/",
        "/v2/{name:path}/manifests/{reference}", "/v2/{name:path}/tags/list",
        "/v2/{name:path}/blobs/{digest}", "/v2/{name:path}/blobs/uploads/",
    }  # fmt: skip


# The access log


def test_access_line_tells_what_happened_and_bears_the_id_of_the_answer(registry: Registry, lines: Lines) -> None:
    response = registry.client("dev").get("/v2/team/none/tags/list", params={"n": "5"})
    line = lines.about(response)
    assert line["logger"] == "cove.access"
    assert line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v2/team/none/tags/list", 404)
    assert (line["client"], line["user"]) == ("127.0.0.1", "dev")
    assert (line["bytes_in"], line["bytes_out"]) == (0, len(response.content))
    assert isinstance(line["duration_ms"], float)


def test_nobody_and_a_failed_sign_in_have_no_user_in_the_log(registry: Registry, lines: Lines) -> None:
    assert not lines.about(registry.client().get("/v2/")).get("user")
    assert not lines.about(registry.client("dev", "Wrong-horse1").get("/v2/")).get("user")


def test_client_behind_a_proxy_is_in_the_log_by_its_own_address(make_registry: Make, lines: Lines) -> None:
    registry = make_registry(trusted_proxies=networks("127.0.0.1"))
    response = registry.client().get("/v2/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert lines.about(response)["client"] == "192.0.2.7"


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
def test_wellformed_request_id_of_a_proxy_is_kept(registry: Registry, lines: Lines, given: str) -> None:
    response = registry.client().get("/healthz", headers={"X-Request-Id": given})
    assert response.headers["x-request-id"] == given
    assert lines.about(response)["path"] == "/healthz"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a,b", "{}", "<b>"])
def test_other_request_id_is_replaced(registry: Registry, given: str) -> None:
    found = registry.client().get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert len(found) == 16
    assert found.isalnum()


def test_every_answer_has_an_id_of_its_own_and_is_no_page(registry: Registry) -> None:
    answers = [registry.client().get(path) for path in ("/healthz", "/v2/", "/nothing", "/service/token", "/metrics")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


@pytest.mark.parametrize("path", ["/v2/a%0ab/tags/list", "/v2/%0d%0aINFO%20forged", "/%1b[2J", "/%e2%80%a8", "/%ff"])
def test_request_is_one_line_whatever_is_in_its_path(registry: Registry, lines: Lines, path: str) -> None:
    with Client(int(registry.url.rpartition(":")[2])) as client:
        client.send(get(path, "X-Request-Id: this-one"))
        assert client.answer().status in (401, 404, 400)
    assert eventually(lambda: "this-one" in lines.getvalue())
    assert len(lines.getvalue().splitlines()) == 1
    [line] = lines.all()
    assert line["request_id"] == "this-one"


# Secrets

CANARY = "Canary-passw0rd-7261"


def secrets_of(registry: Registry) -> dict[str, str]:
    """Everything that must stay secret of one user."""
    answer = registry.client("dev", CANARY).get("/service/token", params={"offline_token": "true"}).json()
    return {
        "password": CANARY,
        "token": answer["token"],
        "refresh token": answer["refresh_token"],
        "header": base64.b64encode(f"dev:{CANARY}".encode()).decode(),
    }


def use(registry: Registry, secrets: dict[str, str]) -> list[httpx.Response]:
    """Requests that have the secrets in every place where clients put them, rightly or not; all of them fail."""
    client, good, bad = registry.client(), registry.client("dev", CANARY), registry.client("stan", CANARY)
    token, refresh = secrets["token"], secrets["refresh token"]
    form = {"grant_type": "password", "username": "stan", "password": CANARY}
    return [
        bad.get("/v2/"),
        bad.get("/service/token"),
        client.post("/service/token", data=form),
        client.post("/service/token", data={**form, "grant_type": CANARY}),
        client.post("/service/token", data={"grant_type": "refresh_token", "refresh_token": refresh + "x"}),
        client.post("/service/token", data={"grant_type": "refresh_token", "refresh_token": token}),
        registry.bearer(token).get("/v2/team/app/tags/list"),
        registry.bearer(token + "x").get("/v2/"),
        registry.bearer(refresh).get("/v2/"),
        client.get("/v2/", headers={"Authorization": f"Basic {secrets['header']}x"}),
        client.get("/v2/", headers={"Authorization": secrets["header"]}),
        client.get("/v2/team/app/tags/list", params={"password": CANARY, "token": token}),
        good.get("/v2/team/app/tags/list"),
        good.post("/v2/"),
    ]


def test_no_secret_is_ever_in_a_log_an_error_or_a_metric(make_registry: Make, lines: Lines) -> None:
    registry = make_registry(identity_tokens=True)
    registry.users.create("dev", CANARY)
    secrets = secrets_of(registry)
    answers = use(registry, secrets)
    with registry.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE members RENAME TO gone")
    answers.append(registry.client("dev", CANARY).get("/v2/team/app/tags/list"))
    assert answers[-1].status_code == 500
    lines.about(answers[-1])
    assert "gone" not in answers[-1].text
    gone = re.compile(r"no such table: members|relation .*members.* does not exist")
    assert eventually(lambda: gone.search(lines.getvalue()) is not None)
    assert "credential_version" not in answers[-1].text
    seen = [lines.getvalue(), registry.client().get("/metrics").text]
    for answer in answers:
        assert answer.status_code >= 400, answer.request
        seen.append(str(answer.headers) + answer.text)
    for name, secret in secrets.items():
        assert not any(secret in text for text in seen), name


def test_database_error_in_the_log_shows_no_values(make_registry: Make, lines: Lines) -> None:
    registry = make_registry()
    registry.users.create("a-very-special-name", CANARY)
    with registry.database.write() as tx:
        tx.exec_driver_sql("ALTER TABLE members RENAME TO gone")
    response = registry.client("a-very-special-name", CANARY).get("/v2/special-project/app/tags/list")
    assert response.status_code == 500
    lines.about(response)
    assert eventually(lambda: any(line["level"] == "error" for line in lines.all()))
    errors = [line for line in lines.all() if line["level"] == "error"]
    assert not any("special-project" in line["exception"] for line in errors)


def test_metrics_tell_of_the_disk_the_version_and_the_end_of_the_certificate(tmp_path: Path) -> None:
    chain, _ = certificates.certificate(tmp_path)
    app.prepare(Config(data=tmp_path / "data"))
    with closing(open_database(Config(data=tmp_path / "data"))) as database:
        around = Surroundings("1.2.3", (tmp_path, tmp_path / "none"), chain)
        text = Metrics(database, around).render().decode()
    found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    assert found["cove_build_info"].labels == {"version": "1.2.3"}
    assert found["cove_disk_free_bytes"].labels == {"folder": str(tmp_path)}
    assert 0 < found["cove_disk_free_bytes"].value <= found["cove_disk_size_bytes"].value
    left = found["cove_certificate_end_time_seconds"].value - time.time()
    assert 0 < left <= 86_400


def test_request_that_is_being_answered_is_counted_as_long_as_it_is(registry: Registry) -> None:
    """The one that asks is under way itself."""
    for _ in range(2):
        shown = registry.client().get("/metrics").text
        assert "cove_http_requests_under_way 1.0\n" in shown


def test_processes_that_have_ended_are_not_under_way_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for pid in (int(ended.stdout), os.getpid()):
        (tmp_path / f"gauge_livesum_{pid}.db").touch()
    forget_the_dead(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [f"gauge_livesum_{os.getpid()}.db"]
