"""What a real receiver of OpenTelemetry is sent, by OTLP over HTTP."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from registry.config import Config
from tests.cli.running import COVE, environment
from tests.http.serving import PASSWORD, Registry, running

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@dataclass
class Receiver:
    """Of requests as a collector takes them."""

    address: str = ""
    resources: list[dict[str, str]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append({each.key: each.value.string_value for each in sent.resource.attributes})
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def attributes(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002 -- the name is the library's

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@contextmanager
def traced(receiver: Receiver, data: Path) -> Iterator[Registry]:
    """A server that has sent everything at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.address)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
        with running(Config(data=data, admin_password=PASSWORD, traces=True)) as registry:
            yield registry


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    """What was sent of an image that was pushed, and of requests after that."""
    with receiving() as receiver:
        with traced(receiver, tmp_path_factory.mktemp("traced") / "data") as registry:
            digest = registry.push_image("library/app", "1")
            bearer = registry.bearer(registry.token("admin", "repository:library/app:pull"))
            for _ in range(3):
                bearer.get("/v2/library/app/manifests/1")
            bearer.get("/v2/library/app/tags/list", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
            bearer.get("/v2/library/app/manifests/none")
            registry.client("admin").get("/api/v2.0/projects")
            registry.client("admin").get(f"/v2/library/app/blobs/{digest}")
        return receiver


MANIFEST = "/v2/{name}/manifests/{reference}"


def test_request_is_a_span_that_says_what_it_was(told: Receiver) -> None:
    [pushed] = told.named(f"PUT {MANIFEST}")
    assert pushed.kind == Span.SPAN_KIND_SERVER
    assert pushed.parent_span_id == b""
    said = attributes(pushed)
    assert len(str(said.pop("cove.request_id"))) == 16
    assert said == {
        "http.request.method": "PUT",
        "http.route": MANIFEST,
        "http.response.status_code": 201,
        "url.path": "/v2/library/app/manifests/1",
        "client.address": "127.0.0.1",
        "user.name": "admin",
        "cove.repository": "library/app",
    }
    assert told.named("GET /api/v2.0/projects")


def test_what_storage_and_database_did_for_a_request_is_part_of_it(told: Receiver) -> None:
    upload = "POST /v2/{name}/blobs/uploads"
    posts = {span.span_id: span for span in told.spans if span.name.startswith(upload)}
    assert len(posts) == 2
    for identifier, post in posts.items():
        parts = [span for span in told.spans if span.parent_span_id == identifier]
        assert {span.name for span in parts} >= {
            "storage.stage",
            "storage.open_staged",
            "storage.commit",
            "database.write",
        }
        assert all(span.trace_id == post.trace_id for span in parts)
        assert all(
            post.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= post.end_time_unix_nano
            for span in parts
        )
    assert not [
        span for span in told.spans if span.name.startswith(("storage.", "database.")) and not span.parent_span_id
    ]


def test_request_goes_on_with_the_trace_that_it_names(told: Receiver) -> None:
    [listed] = told.named("GET /v2/{name}/tags/list")
    assert (listed.trace_id.hex(), listed.parent_span_id.hex()) == (TRACE, PARENT)


def test_answer_that_is_given_again_has_a_span_too(told: Receiver) -> None:
    pulled = [span for span in told.named(f"GET {MANIFEST}") if attributes(span)["http.response.status_code"] == 200]
    assert len(pulled) == 3
    assert len({span.trace_id for span in pulled}) == 3
    assert {attributes(span)["cove.repository"] for span in pulled} == {"library/app"}


def test_only_what_is_the_fault_of_the_server_is_an_error(told: Receiver) -> None:
    statuses = {attributes(span).get("http.response.status_code") for span in told.spans}
    assert statuses >= {200, 201, 404}
    assert all(span.status.code == Status.STATUS_CODE_UNSET for span in told.spans)


def test_service_is_named_and_may_be_described_by_the_usual_variables(told: Receiver) -> None:
    assert {resource["service.name"] for resource in told.resources} == {"cove"}
    assert {resource["deployment.environment.name"] for resource in told.resources} == {"tests"}
    assert all(resource["service.version"] for resource in told.resources)


def test_lines_of_the_log_have_the_id_of_their_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cove.access")
    with receiving() as receiver, traced(receiver, tmp_path / "data") as registry:
        registry.client("admin").get("/v2/", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    [line] = [record for record in caplog.records if record.__dict__.get("path") == "/v2/"]
    assert line.__dict__["trace_id"] == TRACE


def test_receiver_that_is_not_there_keeps_nobody_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with traced(Receiver("http://127.0.0.1:9"), tmp_path / "data") as registry:
        assert registry.client("admin").get("/v2/").status_code == 200
    assert any("127.0.0.1" in record.getMessage() for record in caplog.records)


def test_nothing_of_it_is_imported_where_there_are_no_traces() -> None:
    script = (
        "import sys, registry.app, registry.commands.serve; print([n for n in sys.modules if 'opentelemetry' in n])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_server_without_the_packages_says_which_ones_it_needs(tmp_path: Path) -> None:
    hidden = tmp_path / "opentelemetry"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ImportError")
    settings = environment(traces="true", data=str(tmp_path / "data"))
    settings["PYTHONPATH"] = f"{tmp_path}:{settings['PYTHONPATH']}"
    done = subprocess.run([*COVE, "serve", "--port", "0"], env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "cove: traces take packages that are not installed: install cove-registry[otel]\n"
