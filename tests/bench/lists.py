"""`python -m tests.bench.lists [folder]`: how long each list of the API takes where there is as much as in a large
company, in every order and with every kind of filter. What was filled once is used again.

The environment narrows it: BENCH_LISTS=audit has the rows whose addresses contain that, BENCH_CROWD=0.01 a hundredth
of everything. A figure is in milliseconds: the processor time of the server for the first time that something is asked,
the median of the times after it, and that of what the client waits for.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from urllib.parse import quote

from auth.passwords import hash_password
from registry.config import Config
from tests.bench.crowds import LARGE, Crowd, fill_all, person_name, project_name
from tests.bench.peers import KINDS, PASSWORD, ROOT, Server, basic, start

TARGET_MS = 50
_ASKED = 7
_API = "/api/v2.0"


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds that an address took somebody; `total` is the number that the answer gave of all entries."""

    who: str
    address: str
    total: str
    first: float
    cpu: float
    wall: float

    @property
    def is_good(self) -> bool:
        return max(self.first, self.cpu) < TARGET_MS


def addresses(crowd: Crowd) -> Iterator[str]:
    """Of every list, with its orders and filters, the first page and a late one."""
    name = crowd.repository(crowd.repositories // 2)
    project, _, short = name.partition("/")
    large, _, service = crowd.repository(0).partition("/")
    yield from _listed("/projects", ("name", "creation_time"), ("name=~00", "name=~4321", "public=true", "owner=admin"))
    yield from (f"{_API}/projects?name=team-04", f"{_API}/projects?public=false")
    yield from _listed(
        "/repositories",
        ("name", "creation_time", "update_time", "pull_count"),
        ("name=~service", f"name=~{short[-5:]}", "name=~nothing", f"project_id={2 + crowd.projects // 2}"),
        last=crowd.repositories,
    )
    for where in (project, project_name(LARGE)):
        yield from _listed(f"/projects/{where}/repositories", ("name", "pull_count"), ("name=~00",))
    for path, tag in ((f"{large}/repositories/{service}", "v0001"), (f"{project}/repositories/{short}", "v0")):
        yield from _listed(
            f"/projects/{path}/artifacts", ("push_time", "size"), ("type=IMAGE", f"tags=~{tag}"), more="&with_tag=true"
        )
    yield from _listed("/quotas", ("hard.storage", "used.storage"), ("reference=project",))
    yield from _listed("/users", ("username",), ("username=~person",))
    for at in ("/audit-logs", "/auditlog-exts", f"/projects/{project_name(0)}/logs"):
        records = crowd.records if at != f"/projects/{project_name(0)}/logs" else crowd.records // 2
        yield from _listed(at, ("op_time", "username", "operation"), _record_filters(), last=records)
    yield from (f"{_API}/search?q={part}" for part in ("service", short[-5:], "nothing"))
    yield f"{_API}/statistics"


def _record_filters() -> Iterator[str]:
    yield from (f"operation={name}" for name in ("pull", "create", "login"))
    yield from (f"username={person_name(0)}", "username=~person", "resource_type=artifact", "operation_result=false")
    yield from (f"resource=~{part}" for part in ("team", "service-000042", "nothing", "v0000007"))
    yield from (f"operation=pull,username={person_name(0)}", "operation=pull,resource=~service-000042")
    since, until = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - days * 86400)) for days in (200, 20))
    yield from (f"op_time=[{since}~{until}]", f"operation=pull,op_time=[{since}~{until}]")


def _listed(
    path: str, orders: tuple[str, ...], filters: Iterable[str], *, last: int = 0, more: str = ""
) -> Iterator[str]:
    sorts = [f"{sign}{order}" for order, sign in product(orders, ("", "-"))]
    yield f"{_API}{path}?page_size=50{more}"
    yield from (f"{_API}{path}?page_size=50&sort={sort}{more}" for sort in sorts)
    if last:
        yield from (f"{_API}{path}?page_size=50&page={last // 100}&sort={sort}{more}" for sort in sorts[:2])
    yield from (f"{_API}{path}?page_size=50&q={quote(q, safe='=~,')}{more}" for q in filters)


def measured(server: Server, who: str, address: str) -> Figure:
    """Raises `RuntimeError` where the answer is none."""
    fields = {"Authorization": basic(who)} if who else {}
    cpu, wall, total = [], [], ""
    with closing(HTTPConnection("127.0.0.1", server.port)) as connection:
        for _ in range(_ASKED):
            spent, began = _cpu_ns(server.group), time.perf_counter_ns()
            connection.request("GET", address, headers=fields)
            answer = connection.getresponse()
            content = answer.read()
            wall.append((time.perf_counter_ns() - began) / 1e6)
            cpu.append((_cpu_ns(server.group) - spent) / 1e6)
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} for {address}: {content[:200]!r}")
            total = answer.getheader("x-total-count") or ""
    return Figure(who, address, total, cpu[0], statistics.median(cpu[1:]), statistics.median(wall[1:]))


def _cpu_ns(process: int) -> int:
    """Processor time of the threads of a process: proc(5) has it by the nanosecond, if not in `stat`."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in threads)


def _filled(folder: Path, crowd: Crowd) -> None:
    """A registry with all of it, unless it is there."""
    if (folder / "filled").exists():
        return
    with ExitStack() as stack:
        start(stack, KINDS[0], folder)
    fill_all(Config(data=folder / "data").database_path, crowd, hash_password(PASSWORD))
    (folder / "filled").touch()


def rows(folder: Path, crowd: Crowd, wanted: str = "") -> Iterator[Figure]:
    """What each address takes an administrator, a member of a tenth of the projects, and nobody."""
    _filled(folder, crowd)
    with ExitStack() as stack:
        server = start(stack, KINDS[0], folder)
        for who in ("admin", person_name(0), ""):
            measured(server, who, f"{_API}/users/current" if who else f"{_API}/systeminfo")  # the password is known now
            for address in addresses(crowd):
                if wanted in address and _may(who, address):
                    yield measured(server, who, address)


def _may(who: str, address: str) -> bool:
    """Whether somebody gets an answer: accounts and quotas are for administrators, records not for everybody."""
    if who == "admin":
        return True
    if any(part in address for part in ("/users", "/quotas")):
        return False
    if "/projects/" not in address:
        return bool(who) or not any(part in address for part in ("log", "/statistics"))
    is_log, number = address.partition("?")[0].endswith("/logs"), int(address.partition("team-")[2][:5])
    return number % 3 == 0 and (bool(who) and number % 10 == 9 if is_log else True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".bench" / "crowd"
    part, full = float(os.environ.get("BENCH_CROWD", "1")), Crowd()
    sizes = {name: max(int(getattr(full, name) * part), 20) for name in ("projects", "repositories", "tags", "records")}
    crowd = replace(full, **sizes)
    slow = 0
    _say(f"{'first':>7} {'cpu':>7} {'wall':>7}  {'entries':>9}  who         address")
    for figure in rows(folder, crowd, os.environ.get("BENCH_LISTS", "")):
        slow += not figure.is_good
        _say(_line(figure))
    _say(f"{slow} over {TARGET_MS} ms")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _line(figure: Figure) -> str:
    times = f"{figure.first:7.1f} {figure.cpu:7.1f} {figure.wall:7.1f}{' ' if figure.is_good else '!'}"
    return f"{times} {figure.total:>9}  {figure.who or 'nobody':<11} {figure.address.removeprefix(_API)}"


if __name__ == "__main__":
    main()
