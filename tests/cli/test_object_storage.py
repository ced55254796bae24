"""`cove serve` over S3: it works, or stops with one line that says what is the matter."""

from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import Serve
from tests.cli.test_serve import refusal
from tests.storage.s3_server import BUCKET, S3Server


def test_server_over_s3_keeps_blobs_there_and_everything_else_in_its_folder(
    serve: Serve, s3: S3Server, tmp_path: Path
) -> None:
    prefix = f"cli/{tmp_path.name}"
    server = serve(storage_url=f"s3://{BUCKET}/{prefix}", s3_endpoint=s3.endpoint)
    pushed = httpx.post(
        f"{server.url}/v2/library/app/blobs/uploads/",
        params={"digest": str(Digest.of(b"layer"))},
        content=b"layer",
        auth=("admin", server.password),
    )
    assert pushed.status_code == 201
    assert len(s3.objects(f"{prefix}/o")) == 1
    assert not (tmp_path / "cove-data" / "blobs").exists()
    assert server.stop() == 0


def test_bucket_that_does_not_exist_stops_the_start_with_one_line(tmp_path: Path, s3: S3Server) -> None:
    line = refusal(tmp_path, "--port", "0", storage_url="s3://nowhere", s3_endpoint=s3.endpoint)
    assert line == f"cove: there is no bucket nowhere at {s3.endpoint}"


def test_credentials_that_are_refused_stop_the_start_with_one_line(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret-that-is-long-enough")
    line = refusal(tmp_path, "--port", "0", storage_url=f"s3://{BUCKET}", s3_endpoint=s3.endpoint)
    assert line.startswith(f"cove: S3 denies access to bucket {BUCKET}: ")


def test_memory_for_less_than_a_part_stops_the_start_with_one_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, s3_part_bytes="9000000", s3_buffer_bytes="8000000") == (
        "cove: s3_buffer_bytes must be at least s3_part_bytes: a part is sent from memory"
    )
