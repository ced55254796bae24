"""The official conformance program of the OCI distribution spec, run as the administrator of one project only."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.clients import registries
from tests.clients.programs import Client, bare_environment, find_program
from tests.clients.registries import Registry, password_of
from tests.cluster import clusters
from tests.conformance.reports import Report, read_report

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

Serve = Callable[..., AbstractContextManager[Registry]]

alone_and_as_a_cluster = pytest.mark.parametrize(
    "serve",
    [
        pytest.param(registries.serve, id="alone"),
        pytest.param(clusters.serve, id="cluster", marks=pytest.mark.cluster),
    ],
)

OPTIONAL_APIS = {
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}


def run_program(server: Registry, folder: Path, options: dict[str, str]) -> Report:
    """Let the program check `server` as `pat`."""
    results = folder / "results"
    environment = bare_environment(folder / "home") | {
        "OCI_REGISTRY": server.address,
        "OCI_TLS": "disabled",
        "OCI_USERNAME": "pat",
        "OCI_PASSWORD": password_of("pat"),
        "OCI_REPO1": "conf/first",
        "OCI_REPO2": "conf/nested/second",
        "OCI_RESULTS_DIR": str(results),
    }
    said = Client((find_program("conformance"),), environment | options, folder).call([])
    assert (results / "junit.xml").exists(), said
    return read_report(results / "junit.xml")


def judge(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check has passed. The counts are shown also when all is well."""
    with capsys.disabled():
        sys.stdout.write(f"\n{report.passed} conformance checks passed, {len(report.others)} did not\n")
    assert not report.others, "\n".join(f"{name}: {outcome}" for name, outcome in report.others.items())
    assert report.disabled == 0


def prepare(server: Registry) -> None:
    server.add_user("pat")
    server.cove("project", "add", "conf")
    server.cove("member", "add", "conf", "pat", "projectAdmin")


@alone_and_as_a_cluster
def test_everything_of_version_1_1_is_met_with_every_optional_api(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(tmp_path) as server:
        prepare(server)
        report = run_program(server, tmp_path, {"OCI_VERSION": "1.1"} | OPTIONAL_APIS)
    judge(report, capsys)
    assert report.passed > 800


@alone_and_as_a_cluster
def test_everything_of_the_next_version_is_met_with_images_pushed_before_their_parts(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(tmp_path, COVE_SPARSE_MANIFESTS="all") as server:
        prepare(server)
        report = run_program(server, tmp_path, {"OCI_VERSION": "dev", "OCI_DATA_SPARSE": "true"} | OPTIONAL_APIS)
    judge(report, capsys)
    assert report.passed > 850


def test_two_processes_conform_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with registries.serve(tmp_path, COVE_WORKERS="2") as server:
        prepare(server)
        report = run_program(server, tmp_path, {"OCI_VERSION": "1.1"} | OPTIONAL_APIS)
    judge(report, capsys)
    assert report.passed > 800
