"""The machine that is measured on, and what a group of processes takes of it, from proc(5)."""

import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def describe(folder: Path) -> dict[str, str]:
    """Hardware and software that figures depend on; `folder` is where registries keep their data. Names no host."""
    memory = int(_field(_PROC / "meminfo", "MemTotal").split()[0]) * 1024
    return {
        "processor": _field(_PROC / "cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 2**30:.0f} GiB",
        "kernel": platform.release().partition("-")[0],
        "file system": _said("stat", "--file-system", "--format=%T", str(folder)),
        "python": platform.python_version(),
        "go": _said("go", "env", "GOVERSION").removeprefix("go"),
        "wrk": next(iter(re.findall(r"wrk \S*?([0-9.]+)", _said("wrk", "--version"))), "none"),
    }


def _field(path: Path, name: str) -> str:
    found = re.search(rf"^{name}\s*:\s*(.*)$", path.read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "none"
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def cpu_seconds(group: int) -> float:
    """Processor time of a process group, and of those of its children that have ended."""
    return sum(sum(map(int, fields[11:15])) for _, fields in _members(group)) / _TICKS


def own_cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended: what making the load costs."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def memory_bytes(group: int) -> int:
    """Memory that the processes hold now; what they share counts once."""
    return _kilobytes(group, "smaps_rollup", "Pss") * 1024


def peak_bytes(group: int) -> int:
    """The most that each of the processes ever held, together."""
    return _kilobytes(group, "status", "VmHWM") * 1024


def open_files(group: int) -> int:
    return sum(len(list((path / "fd").iterdir())) for path, _ in _members(group))


def _kilobytes(group: int, file: str, field: str) -> int:
    return sum(int(_field(path / file, field).split()[0]) for path, _ in _members(group))


def _members(group: int) -> Iterator[tuple[Path, list[str]]]:
    """The folder of each process of the group, and the fields of its `stat` from the third on."""
    for path in _PROC.glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(fields[2]) == group and fields[0] != "Z":
            yield path, fields
