"""Uploads against a model: whatever clients do, an upload has the bytes of the requests that were taken."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from registry.config import Config
from storage.digest import Digest
from tests.http.pushes import Repo, codes, fresh, refused, staged
from tests.http.serving import PASSWORD, Registry, running

ALGORITHMS = st.sampled_from(["sha256", "sha512"])
# An upload's status is the same for one byte as for none, so chunks have two at least.
CHUNKS = st.one_of(st.just(b""), st.binary(min_size=2, max_size=40), st.just(bytes(100_000)))


class Server:
    """One server after the other, over one folder."""

    def __init__(self, data: Path) -> None:
        self._config = Config(data=data, admin_password=PASSWORD)
        self._stack = ExitStack()
        self.registry: Registry
        self.start()

    def start(self) -> None:
        self.registry = self._stack.enter_context(running(self._config))

    def stop(self) -> None:
        self._stack.close()


class UploadMachine(RuleBasedStateMachine):
    """`content` has what each upload that is going on must hold; the others must be unknown."""

    server: Server
    uploads: Bundle[str] = Bundle("uploads")
    ended: Bundle[str] = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        self.repo = self.at_server(fresh(self.server.registry, project="library").name)
        self.others = staged(self.server.registry)
        self.content: dict[str, bytes] = {}
        self.stored: dict[Digest, bytes] = {}
        self.restarts = 0

    def at_server(self, name: str) -> Repo:
        return Repo(fresh(self.server.registry).http, name)

    @rule(target=uploads, algorithm=ALGORITHMS)
    def begin(self, algorithm: str) -> str:
        upload = self.repo.begin(**{"digest-algorithm": algorithm})
        self.content[upload] = b""
        return upload

    @rule(upload=uploads, chunk=CHUNKS, says_where=st.booleans())
    def append(self, upload: str, chunk: bytes, says_where: bool) -> None:
        response = self.repo.patch(upload, chunk, len(self.content[upload]) if says_where else None)
        assert response.status_code == 202, response.text
        self.content[upload] += chunk
        assert response.headers["Range"] == f"0-{max(len(self.content[upload]) - 1, 0)}"

    @rule(upload=uploads, chunk=CHUNKS, distance=st.integers(-50, 50).filter(bool))
    def append_elsewhere(self, upload: str, chunk: bytes, distance: int) -> None:
        start = len(self.content[upload]) + distance
        if start >= 0:
            refused(self.repo.patch(upload, chunk, start), 416, "BLOB_UPLOAD_INVALID")

    @rule(upload=uploads, chunk=CHUNKS, more=st.integers(1, 9))
    def append_less_than_promised(self, upload: str, chunk: bytes, more: int) -> None:
        start = len(self.content[upload])
        headers = {"Content-Range": f"{start}-{start + len(chunk) + more - 1}"}
        refused(self.repo.http.patch(upload, content=chunk, headers=headers), 400, "SIZE_INVALID")

    @rule(upload=uploads, tail=CHUNKS, wrong=st.binary(max_size=5), algorithm=ALGORITHMS)
    def finish_wrongly(self, upload: str, tail: bytes, wrong: bytes, algorithm: str) -> None:
        digest = Digest.of(self.content[upload] + tail + wrong + b"!", algorithm)
        refused(self.repo.finish(upload, digest, tail), 400, "DIGEST_INVALID")
        assert self.repo.blob(digest).status_code == (200 if digest in self.stored else 404)

    @rule(target=ended, upload=consumes(uploads), tail=CHUNKS, algorithm=ALGORITHMS)
    def finish(self, upload: str, tail: bytes, algorithm: str) -> str:
        content = self.content.pop(upload) + tail
        digest = Digest.of(content, algorithm)
        response = self.repo.finish(upload, digest, tail)
        assert response.status_code == 201, response.text
        self.stored[digest] = content
        assert self.repo.blob(digest).content == content
        return upload

    @rule(target=ended, upload=consumes(uploads))
    def cancel(self, upload: str) -> str:
        assert self.repo.http.delete(upload).status_code == 204
        del self.content[upload]
        return upload

    @rule(upload=ended, method=st.sampled_from(["GET", "PATCH", "PUT", "DELETE"]))
    def go_on_after_the_end(self, upload: str, method: str) -> None:
        params = {"digest": str(Digest.of(b""))} if method == "PUT" else {}
        response = self.repo.http.request(method, upload, params=params)
        assert (response.status_code, codes(response)) == (404, ["BLOB_UPLOAD_UNKNOWN"])

    @precondition(lambda self: self.restarts < 1 and any(self.content.values()))
    @rule()
    def restart(self) -> None:
        self.restarts += 1
        self.server.stop()
        self.server.start()
        self.repo = self.at_server(self.repo.name)

    @rule()
    def look_at_every_upload(self) -> None:
        assert {upload: self.repo.offset(upload) for upload in self.content} == {
            upload: len(content) for upload, content in self.content.items()
        }

    @invariant()
    def nothing_else_is_staged(self) -> None:
        assert len(staged(self.server.registry) - self.others) == len(self.content)

    def teardown(self) -> None:
        self.look_at_every_upload()
        for upload in self.content:
            self.repo.http.delete(upload)
        for digest, content in self.stored.items():
            assert self.repo.blob(digest).content == content


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.stop()


def test_uploads_behave_as_the_model_says(server: Server) -> None:
    UploadMachine.server = server
    run_state_machine_as_test(
        UploadMachine,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_upload_goes_on_after_a_restart_of_the_server(server: Server, algorithm: str) -> None:
    repo = fresh(server.registry, project="library")
    upload = repo.begin()
    repo.patch(upload, b"before ")
    server.stop()
    server.start()
    repo = Repo(fresh(server.registry).http, repo.name)
    assert repo.offset(upload) == len(b"before ")
    repo.patch(upload, b"and ", len(b"before "))
    digest = Digest.of(b"before and after", algorithm)
    assert repo.finish(upload, digest, b"after").status_code == 201
    assert repo.blob(digest).content == b"before and after"
