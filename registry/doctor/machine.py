"""What this machine has for the registry: its folder, the disk, files, processes and SQLite."""

import os
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from registry.config import Config
from registry.doctor.findings import Finding, good, warning, wrong
from registry.values import size_text
from storage.metadata.sqlite_engines import is_safe_for_processes, sqlite_driver

_REMOTE = ("nfs", "cifs", "smb", "9p", "ceph", "fuse", "glusterfs", "afs")
_MOUNTS = Path("/proc/self/mounts")
_FULL_BYTES, _SCARCE_BYTES = 256 * 1024**2, 2 * 1024**3
_PER_PROCESSOR = 4
_FILES_PER_CONNECTION = 2
_FILES_BESIDES = 136


def look(config: Config) -> Iterator[Finding]:
    if config.uses_data:
        yield from _folder(config)
    yield from _disks(config)
    yield _files(config)
    yield from _processes(config)


def _folder(config: Config) -> Iterator[Finding]:
    data, subject = config.data, "data folder"
    if not data.exists():
        yield warning(
            subject, f"{data} is not there yet", "The first `cove serve` makes it; or name another by `data`."
        )
        return
    if not data.is_dir():
        yield wrong(subject, f"{data} is not a folder", "Name another by `data`, or move what is there away.")
        return
    strange = sorted(file.name for file in data.iterdir() if file.lstat().st_uid != data.stat().st_uid)
    if strange:
        advice = f"Give everything to the account that runs the server: chown --recursive USER {data}"
        yield wrong(subject, f"{strange[0]} in {data} belongs to another account than the folder", advice)
    elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(subject, f"this account may not write to {data}", "Run this as the account that runs the server.")
    if data.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        advice = f"There are keys and hashes of passwords in it: chmod 700 {data}"
        yield warning(subject, f"others may look into {data}", advice)
    elif not strange:
        yield good(subject, f"{data} is for its owner alone")
    if not config.postgres_url and (kind := _remote(data, _MOUNTS.read_text() if _MOUNTS.exists() else "")):
        advice = "SQLite needs a disk of this machine. Put the data folder on one, or set database_url to PostgreSQL."
        yield wrong(subject, f"{data} is on a file system of the network ({kind}), where SQLite can lose data", advice)


def _remote(folder: Path, mounts: str) -> str | None:
    """The kind of the file system with the folder, where it is one of the network; `mounts` is like proc(5)'s."""
    rows = [line.split()[1:3] for line in mounts.splitlines() if len(line.split()) > 2]
    holding = [(place, kind) for place, kind in rows if folder.resolve().is_relative_to(place)]
    kind = max(holding, key=lambda row: len(row[0]))[1] if holding else ""
    return kind if kind.startswith(_REMOTE) else None


def _disks(config: Config) -> Iterator[Finding]:
    folders = {config.data} if config.uses_data else set()
    if config.storage_url and config.storage_url.startswith("file:"):
        folders.add(Path(config.storage_url.removeprefix("file://")))
    for folder in sorted(filter(Path.is_dir, folders)):
        free = shutil.disk_usage(folder).free
        said = f"{size_text(free)} are free in {folder}"
        advice = "Make room: `cove gc --free-now` deletes what could still be restored. Or give it a larger disk."
        if free < _FULL_BYTES:
            yield wrong("disk", said, advice)
        elif free < _SCARCE_BYTES:
            yield warning("disk", said, advice)
        else:
            yield good("disk", said)


def _files(config: Config) -> Finding:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = _FILES_BESIDES + _FILES_PER_CONNECTION * config.connection_limit
    if most == resource.RLIM_INFINITY or most >= wanted:
        return good("open files", f"a process may open enough for {config.connection_limit:,} connections")
    advice = (
        f"Allow {wanted:,} (LimitNOFILE= in systemd, `ulimit -n`, --ulimit nofile=), or set connection_limit lower."
    )
    return warning("open files", f"a process may open only {most:,}, so it takes fewer connections at a time", advice)


def _processes(config: Config) -> Iterator[Finding]:
    driver, processors = sqlite_driver(), os.cpu_count() or 1
    if not config.postgres_url and not is_safe_for_processes(driver.sqlite_version_info):
        said = f"SQLite {driver.sqlite_version} can lose data when several processes write"
        if config.workers > 1:
            yield wrong("SQLite", said, "Set workers to 1, or install 3.51.3 or newer: pip install pysqlite3")
        else:
            yield warning(
                "SQLite", said, "Run no command that changes things beside the server, or install a newer one."
            )
    elif not config.postgres_url:
        yield good("SQLite", f"version {driver.sqlite_version} is safe for several processes")
    if config.workers > _PER_PROCESSOR * processors:
        advice = f"Set workers to {processors}: more only take memory and connections of the database."
        yield warning("workers", f"{config.workers} workers share {processors} processors", advice)
    else:
        yield good("workers", f"{config.workers} on {processors} processors")
