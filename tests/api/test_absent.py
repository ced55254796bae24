"""What Harbor has and this registry has not, told in a way that Harbor's clients take well."""

import pytest

from tests.api.conftest import Api
from tests.api.content import push
from tests.http.serving import Registry


@pytest.mark.parametrize(
    "path",
    [
        "scanners",
        "registries",
        "replication/policies",
        "replication/executions?page_size=100",
        "replication/adapters",
        "p2p/preheat/providers",
        "p2p/preheat/instances",
        "projects/team/preheat/policies",
        "projects/team/preheat/providers",
        "projects/team/scanner/candidates",
        "security/vul",
    ],
)
def test_lists_of_what_there_is_not_are_empty(api: Api, path: str) -> None:
    response = api("admin").get(path)
    assert (response.status_code, response.json(), response.headers["x-total-count"]) == (200, [], "0")
    assert api("stan").get(path).status_code == 403


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("projects/team/scanner", {}),
        ("system/scanAll/schedule", {}),
        ("replication/adapterinfos", {}),
        ("export/cve/executions", {"items": []}),
        ("scans/all/metrics", {"total": 0, "completed": 0, "ongoing": False}),
    ],
)
def test_objects_that_clients_read_first_are_there(api: Api, path: str, expected: object) -> None:
    response = api("admin").get(path)
    assert (response.status_code, response.json()) == (200, expected)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "registries/1", 404, "NOT_FOUND"),
        ("DELETE", "scanners/x", 404, "NOT_FOUND"),
        ("GET", "replication/executions/1/tasks", 404, "NOT_FOUND"),
        ("PATCH", "projects/team/preheat/policies/x/executions/1", 404, "NOT_FOUND"),
        ("GET", "export/cve/download/1", 404, "NOT_FOUND"),
        ("POST", "registries/ping", 501, "NOT_IMPLEMENTED"),
        ("POST", "replication/executions", 501, "NOT_IMPLEMENTED"),
        ("PUT", "projects/team/scanner", 501, "NOT_IMPLEMENTED"),
        ("POST", "export/cve", 501, "NOT_IMPLEMENTED"),
        ("POST", "system/scanAll/schedule", 412, "PRECONDITION"),
    ],
)
def test_nothing_is_found_by_name_and_nothing_begins(api: Api, method: str, path: str, status: int, code: str) -> None:
    response = api("admin").request(method, path)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (status, code)


def test_scan_waits_for_a_scanner(api: Api, registry: Registry) -> None:
    push(registry, "team/scanned", "1")
    number = api("admin").get("projects/team").json()["project_id"]
    address = "projects/team/repositories/scanned/artifacts/1/scan"
    refused = api("mia").post(address)
    assert (refused.status_code, refused.json()["errors"][0]["message"]) == (
        412,
        f"no available scanner for project: {number}",
    )
    assert api("gus").post(address).status_code == 403


def test_summary_of_findings_is_all_zeros(api: Api) -> None:
    found = api("admin").get("security/summary").json()
    assert (found["total_vuls"], found["dangerous_cves"]) == (0, [])
