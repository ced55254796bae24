"""What Harbor's API has and this registry has not: scanners, replication, preheating, exports of what scanners find.

Clients ask for these before anything else, and go on when they are told that there are none. So lists are empty, what
is looked for by name is not found, and what would begin something is refused: with 412 where only a scanner is missing,
which clients expect, else with 501.
"""

from collections.abc import Iterator

from starlette.responses import Response

from registry.api.answers import listed, shown
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.errors import NotFound, NotProvided, PreconditionFailed
from registry.web import Call, Entry, Handler, InProject, InSystem, Needs

Row = tuple[str, str, Handler, Needs]

_STATS = {"total": 0, "completed": 0, "ongoing": False}
_SUMMARY = {
    "critical_cnt": 0,
    "medium_cnt": 0,
    "low_cnt": 0,
    "total_vuls": 0,
    "scanned_cnt": 0,
    "total_artifact": 0,
    "fixable_cnt": 0,
    "dangerous_cves": [],
    "dangerous_artifacts": [],
}


@answers(list[object], query=PAGED)
def _none_of_them(call: Call) -> Response:
    listing = parse_listing(call.request.query_params)
    return listed(call, listing, [], 0)


@answers(dict[str, object])
def _empty(_call: Call) -> Response:
    return shown({})


@answers(dict[str, object])
def _no_items(_call: Call) -> Response:
    return shown({"items": []})


@answers(dict[str, object])
def _nothing_scanned(_call: Call) -> Response:
    return shown(_STATS)


@answers(dict[str, object])
def _nothing_found(_call: Call) -> Response:
    return shown(_SUMMARY)


@answers(refuses=(404,))
def _missing(_call: Call) -> Response:
    raise NotFound("there is nothing of that name or number here")


@answers(refuses=(501,))
def _refused(_call: Call) -> Response:
    raise NotProvided("this registry does not do that")


@answers(refuses=(412,))
def _no_scanner(call: Call) -> Response:
    where = f" for project: {call.project.id}" if call.place else ""
    raise PreconditionFailed(f"no available scanner{where}")


def absent_rows(artifact: str) -> list[Row]:
    """Method, address, handler and need of each; `artifact` is the address of one."""
    return [*_scanning(artifact), *_registries(), *_replication(), *_preheating(), *_findings()]


def _scanning(artifact: str) -> Iterator[Row]:
    yield from _things("/scanners", "scanner", "PUT", "PATCH", "DELETE")
    yield "POST", "/scanners/ping", _refused, InSystem("scanner:read")
    yield "GET", "/scanners/{thing}/metadata", _missing, InSystem("scanner:read")
    of_project = "/projects/{project}/scanner"
    yield "GET", of_project, _empty, InProject("scanner:read")
    yield "PUT", of_project, _refused, InProject("scanner:create")
    yield "GET", f"{of_project}/candidates", _none_of_them, InProject("scanner:create")
    yield "POST", f"{artifact}/scan", _no_scanner, InProject("scan:create")
    yield "POST", f"{artifact}/scan/stop", _no_scanner, InProject("scan:stop")
    yield "GET", artifact + "/scan/{report_id}/log", _missing, InProject("scan:read")
    yield "GET", "/scans/all/metrics", _nothing_scanned, InSystem("scan-all:read")
    yield "GET", "/scans/schedule/metrics", _nothing_scanned, InSystem("scan-all:read")
    yield "GET", "/system/scanAll/schedule", _empty, InSystem("scan-all:read")
    yield "POST", "/system/scanAll/schedule", _no_scanner, InSystem("scan-all:create")
    yield "PUT", "/system/scanAll/schedule", _no_scanner, InSystem("scan-all:update")
    yield "POST", "/system/scanAll/stop", _no_scanner, InSystem("scan-all:stop")


def _registries() -> Iterator[Row]:
    yield from _things("/registries", "registry", "PUT", "DELETE")
    yield "POST", "/registries/ping", _refused, InSystem("registry:read")
    yield "GET", "/registries/{thing}/info", _missing, InSystem("registry:read")


def _replication() -> Iterator[Row]:
    runs, run = "/replication/executions", "/replication/executions/{execution_id}"
    yield from _things("/replication/policies", "replication-policy", "PUT", "DELETE")
    yield "GET", runs, _none_of_them, InSystem("replication:list")
    yield "POST", runs, _refused, InSystem("replication:create")
    yield "GET", run, _missing, InSystem("replication:read")
    yield "PUT", run, _missing, InSystem("replication:create")
    yield "GET", f"{run}/tasks", _missing, InSystem("replication:list")
    yield "GET", run + "/tasks/{task_id}/log", _missing, InSystem("replication:read")
    yield "GET", "/replication/adapters", _none_of_them, InSystem("replication-adapter:list")
    yield "GET", "/replication/adapterinfos", _empty, InSystem("replication-adapter:list")


def _preheating() -> Iterator[Row]:
    yield "GET", "/p2p/preheat/providers", _none_of_them, InSystem("preheat-instance:list")
    yield from _things("/p2p/preheat/instances", "preheat-instance", "PUT", "DELETE")
    yield "POST", "/p2p/preheat/instances/ping", _refused, InSystem("preheat-instance:read")
    policies, policy = "/projects/{project_name}/preheat/policies", "/projects/{project_name}/preheat/policies/{thing}"
    runs = f"{policy}/executions"
    yield "GET", "/projects/{project_name}/preheat/providers", _none_of_them, InProject("preheat-policy:list")
    yield "GET", policies, _none_of_them, InProject("preheat-policy:list")
    yield "POST", policies, _refused, InProject("preheat-policy:create")
    for method, action in (("GET", "read"), ("POST", "read"), ("PUT", "update"), ("DELETE", "delete")):
        yield method, policy, _missing, InProject(f"preheat-policy:{action}")
    yield "GET", runs, _missing, InProject("preheat-policy:list")
    yield "GET", runs + "/{execution_id}", _missing, InProject("preheat-policy:read")
    yield "PATCH", runs + "/{execution_id}", _missing, InProject("preheat-policy:update")
    yield "GET", runs + "/{execution_id}/tasks", _missing, InProject("preheat-policy:list")
    yield "GET", runs + "/{execution_id}/tasks/{task_id}/logs", _missing, InProject("preheat-policy:read")


def _findings() -> Iterator[Row]:
    yield "GET", "/security/summary", _nothing_found, InSystem("security-hub:read")
    yield "GET", "/security/vul", _none_of_them, InSystem("security-hub:list")
    yield "POST", "/export/cve", _refused, Entry.ACCOUNT
    yield "GET", "/export/cve/executions", _no_items, Entry.ACCOUNT
    yield "GET", "/export/cve/execution/{execution_id}", _missing, Entry.ACCOUNT
    yield "GET", "/export/cve/download/{execution_id}", _missing, Entry.ACCOUNT


def _things(path: str, resource: str, *changing: str) -> Iterator[Row]:
    """Things that can be listed, made, and then read and changed by these methods."""
    yield "GET", path, _none_of_them, InSystem(f"{resource}:list")
    yield "POST", path, _refused, InSystem(f"{resource}:create")
    yield "GET", path + "/{thing}", _missing, InSystem(f"{resource}:read")
    for method in changing:
        action = "delete" if method == "DELETE" else "update"
        yield method, path + "/{thing}", _missing, InSystem(f"{resource}:{action}")
