"""Flaws of the libraries: each is gone in the version that is required, and what has them is not used at all."""

import subprocess
import sys
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
# The first version without any of the flaws, and the flaws.
MENDED = {
    "starlette": ("1.3.1", "CVE-2025-62727 CVE-2026-48710 CVE-2026-48817 CVE-2026-54282 CVE-2026-54283"),
    "uvicorn": ("0.11.7", "CVE-2020-7694 CVE-2020-7695"),
    "httptools": ("0.6.3", "CVE-2022-32213 CVE-2023-30589 CVE-2024-27982"),
    "PyJWT": ("2.13", "CVE-2022-29217 CVE-2024-53861 CVE-2026-32597 CVE-2026-48526"),
    "Jinja2": ("3.1.6", "CVE-2024-56201 CVE-2024-56326 CVE-2025-27516"),
    "urllib3": ("2.7", "CVE-2025-66418 CVE-2025-66471 CVE-2026-21441 CVE-2026-44432"),
}
# Not needed by anything that Cove requires.
ABSENT = ["python-multipart", "requests", "fastapi", "PyYAML", "itsdangerous"]


def required() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["postgres"], *extras["s3"]]
    return {found.name.lower(): found for found in map(Requirement, texts)}


def reached(names: set[str]) -> set[str]:
    """Everything that these packages need, and what that needs, by names in lower case."""
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        needed = map(Requirement, requires(name) or [])
        waiting += [need.name.lower() for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


@pytest.mark.parametrize("name", MENDED)
def test_library_as_it_is_installed_has_none_of_its_known_flaws(name: str) -> None:
    assert Version(version(name)) >= Version(MENDED[name][0])


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "httptools", "PyJWT", "Jinja2"])
def test_library_with_a_known_flaw_is_not_accepted_by_the_package(name: str) -> None:
    assert not required()[name.lower()].specifier.contains(f"{MENDED[name][0]}.dev0", prereleases=True)


def test_libraries_for_what_cove_does_not_do_are_not_needed() -> None:
    needed = reached({name for name, found in required().items() if found.marker is None or found.marker.evaluate()})
    assert {"starlette", "anyio"} <= needed
    assert needed & {name.lower() for name in ABSENT} == set()


def test_no_form_parser_and_no_template_is_loaded_by_a_server() -> None:
    code = "import sys, registry.app, registry.server; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "'starlette.requests'" in loaded
    for module in ("multipart", "python_multipart", "jinja2", "requests", "yaml", "pickletools"):
        assert f"'{module}'" not in loaded
