"""Images of what Debian has installed on this machine: none can be pulled in a test, and to fetch one takes minutes."""

import io
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

# What a shell script needs; libraries come by their dependencies.
WITH_PYTHON = ("base-files", "bash", "ca-certificates", "coreutils", "dash", "python3-venv", "python3-distutils")
_LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
_OWN = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/ld.so.cache", "/etc/alternatives")  # which no package has
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"


def essential() -> tuple[str, ...]:
    """The packages that every Debian has, and the one that installs more."""
    lines = _said("dpkg-query", "--show", "--showformat=${Essential} ${Package}\n").splitlines()
    return ("apt", *(line.split()[1] for line in lines if line.startswith("yes ")))


def write_base(tar: Path, packages: Sequence[str]) -> None:
    """A tar file with the root of an image that has these packages."""
    own = {found for place in map(Path, _OWN) if place.exists() for found in (place, *place.rglob("*"))}
    with tarfile.open(tar, "w") as made:
        for name, target in _LINKS.items():
            made.addfile(_link(name, target))
        for path in sorted(_files(packages) | own):
            made.add(path, recursive=False)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size = len(_PASSWD)
        made.addfile(passwd, io.BytesIO(_PASSWD))


def _files(packages: Sequence[str]) -> set[Path]:
    """What the packages have on the disk, by paths without links to folders."""
    listed = _said("dpkg-query", "--listfiles", *_closure(packages)).splitlines()
    paths = {Path(line) for line in listed if line.startswith("/") and "/share/doc/" not in line}
    found = {path.parent.resolve() / path.name for path in paths}
    return {path for path in found if path.is_symlink() or path.exists()} - {Path("/" + name) for name in _LINKS}


def _closure(packages: Sequence[str]) -> list[str]:
    options = ("--recurse", "--installed", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks")
    more = ("--no-replaces", "--no-enhances")
    lines = _said("apt-cache", "depends", *options, *more, *packages).splitlines()
    named = {line.strip() for line in lines if line and not line.startswith((" ", "<"))}
    known = _said("dpkg-query", "--show", "--showformat=${Package} ${Package}:${Architecture}\n").split()
    return sorted(named & set(known))


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def _link(name: str, target: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, target
    return made
