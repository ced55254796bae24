"""The lists of installed packages that distributions keep in their images: those of dpkg and of apk."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

LIST_LIMIT = 16 << 20
"""Bytes of a list at most; Debian with everything in it has fewer."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The fields of a package: `state` is one that ends in `installed` for those that are."""

    name: str
    version: str
    state: str | None = None


_DPKG = _Form("Package", "Version", "Status")  # deb-status, dpkg's manual of its own files
_APK = _Form("P", "V")  # apk's format specification, v2
_LISTS = {"var/lib/dpkg/status": _DPKG, "lib/apk/db/installed": _APK, "usr/lib/apk/db/installed": _APK}
_DISTROLESS = "var/lib/dpkg/status.d/"  # a file a package; those with sums beside them have no fields


def is_list(path: str) -> bool:
    """Whether the file of an image at that path is, or is a part of, its list of packages."""
    return path in _LISTS or path.startswith(_DISTROLESS)


def parse_list(path: str, content: bytes) -> dict[str, str]:
    """Versions of the packages that such a file tells of, by name; what it does not tell in full is left out."""
    form = _LISTS.get(path, _DPKG)
    found: dict[str, str] = {}
    for fields in _paragraphs(content, form):
        name, version = fields.get(form.name), fields.get(form.version)
        is_installed = form.state is None or fields.get(form.state, "installed").split(" ")[-1] == "installed"
        if name and version and is_installed:
            found[name] = version
    return found


def _paragraphs(content: bytes, form: _Form) -> Iterator[dict[str, str]]:
    """The fields of each that are asked for; line by line, since a hostile list is nothing but short lines."""
    fields: dict[str, str] = {}
    for line in BytesIO(content):
        if not line.strip():
            yield fields
            fields = {}
            continue
        name, _, value = line.decode(errors="replace").partition(":")
        if name in (form.name, form.version, form.state):
            fields[name] = value.strip()
    yield fields
