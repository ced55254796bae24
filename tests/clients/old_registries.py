"""docker-distribution as Debian packages it, the registry that people come from, and where it keeps what it has."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import boto3.session

from tests.clients.processes import running
from tests.clients.programs import SEARCH_PATH, find_program
from tests.cluster.services import object_storage, started
from tests.storage.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY

_PREFIX = "old/registry"


class OldStorage(Protocol):
    """Where an old registry keeps everything, and Cove after it."""

    place: str  # for `cove adopt`
    settings: Mapping[str, str]  # with which Cove keeps its blobs there
    driver: Mapping[str, object]  # the old registry's settings
    new_folder: str  # below which Cove keeps what is pushed to it

    def files(self) -> dict[str, tuple[object, ...]]:
        """Every file but those of Cove's uploads that are under way, with what changes when somebody writes to it."""


class OldFolder(OldStorage):
    def __init__(self, root: Path) -> None:
        root.mkdir()
        self._root = root
        self.place = str(root)
        self.settings = {"storage_url": root.as_uri()}
        self.driver = {"filesystem": {"rootdirectory": str(root)}}
        self.new_folder = "blobs"

    def files(self) -> dict[str, tuple[object, ...]]:
        root = self._root
        found = (file for file in root.rglob("*") if file.is_file() and file.relative_to(root).parts[0] != "uploads")
        return {str(file.relative_to(root)): (file.stat().st_ino, file.stat().st_mtime_ns) for file in found}


class OldBucket(OldStorage):
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.place = f"s3://{BUCKET}/{_PREFIX}"
        self.settings = {"storage_url": self.place, "s3_endpoint": endpoint}
        service = {"regionendpoint": endpoint, "region": "us-east-1", "secure": False, "v4auth": True}
        bucket = {"bucket": BUCKET, "rootdirectory": f"/{_PREFIX}", "forcepathstyle": True}
        self.driver = {"s3": {**service, **bucket, "accesskey": ACCESS_KEY, "secretkey": SECRET_KEY}}
        self.new_folder = "o"

    def files(self) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        with closing(boto3.session.Session().client("s3", endpoint_url=self._endpoint)) as client:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=_PREFIX):
                for listed in page["Contents"]:
                    found[listed["Key"].removeprefix(f"{_PREFIX}/")] = listed["ETag"], listed["LastModified"]
        return found


@contextmanager
def old_bucket(folder: Path) -> Iterator[OldBucket]:
    """A bucket of an S3 server that runs until the block ends."""
    folder.mkdir()
    with started(object_storage(folder)) as server:
        yield OldBucket(f"http://{server.address}")


@contextmanager
def serve_old(storage: OldStorage, work: Path) -> Iterator[str]:
    """Run the old registry until the block ends; gives its `host:port`. It knows no accounts."""
    address, settings = f"127.0.0.1:{_free_port()}", work / "old.yml"
    kept = {**storage.driver, "delete": {"enabled": True}}
    settings.write_text(json.dumps({"version": 0.1, "storage": kept, "http": {"addr": address}}))  # which is YAML
    command = [find_program("docker-registry"), "serve", str(settings)]
    with running(command, work / "old.log", lambda: _answers(address), {"PATH": SEARCH_PATH}, work):
        yield address


def delete(address: str, repository: str, digest: str) -> None:
    """Delete a manifest there, with the tags that point to it."""
    url = f"http://{address}/v2/{repository}/manifests/{digest}"
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30) as response:
        assert response.status == 202


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False
