"""What is released is whole: it is installed where there is nothing else, and does all that it should."""

import json
import shutil
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.release.environments import (
    DIST,
    PYTHONS,
    ROOT,
    find_python,
    make_environment,
    oldest_libraries,
    pip,
    project,
    run,
    sdist,
    uv,
    wheel,
    with_extras,
)
from tests.testing.examples import python_files

pytestmark = [pytest.mark.release, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
PACKAGES = ("auth", "registry", "storage")


def test_wheel_has_every_file_of_the_packages_and_nothing_else() -> None:
    expected = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel()) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert found.keys() == expected.keys()
    assert found == expected, "dist/ is of another source: run `make dist`"


def test_wheel_has_the_licences_of_all_that_is_in_it() -> None:
    with zipfile.ZipFile(wheel()) as archive:
        licences = {name.rpartition("/")[2] for name in archive.namelist() if "/licenses/" in name}
    assert licences == {"LICENSE", *(path.name for path in (ROOT / "registry/ui/static/vendor").glob("*.LICENSE"))}


def test_sdist_has_the_documents_and_no_tests() -> None:
    with tarfile.open(sdist()) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"README.md", "LICENSE", "CHANGELOG.md", "Makefile", "docs/README.md", "registry/py.typed"}
    assert not any(name.startswith("tests/") for name in names)


def test_bill_of_materials_names_every_library_that_came_with_the_wheel() -> None:
    bill = json.loads((DIST / "cove-registry.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "cove-registry"
    parts = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    asked = [Requirement(text) for text in [*project()["dependencies"], *project()["optional-dependencies"]["s3"]]]
    for requirement in asked:
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(parts[canonicalize_name(requirement.name)])
    assert set(map(canonicalize_name, ("botocore", "markupsafe", "anyio"))) <= parts.keys()
    assert canonicalize_name("pytest") not in parts


@pytest.mark.parametrize("python", PYTHONS)
def test_installed_wheel_does_what_it_should(python: str, tmp_path: Path) -> None:
    made = make_environment(find_python(python), tmp_path / "environment", with_extras())
    try_it(made, tmp_path)


def test_oldest_libraries_that_are_allowed_are_good_enough(tmp_path: Path) -> None:
    oldest = oldest_libraries(tmp_path)
    made = make_environment(
        find_python(PYTHONS[0]), tmp_path / "environment", with_extras(), "--constraint", str(oldest)
    )
    frozen = (line.split("==") for line in pip("freeze", made).splitlines() if "==" in line)
    installed = {canonicalize_name(name): Version(number) for name, number in frozen}
    for name, floor in (line.split("==") for line in oldest.read_text().splitlines()):
        assert installed.get(canonicalize_name(name), Version(floor)) == Version(floor), name
    try_it(made, tmp_path)


def test_sdist_installs_as_the_wheel_does(tmp_path: Path) -> None:
    uv("build", "--wheel", "--out-dir", str(tmp_path), str(sdist()))
    [built] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as ours, zipfile.ZipFile(wheel()) as theirs:
        assert sorted(ours.namelist()) == sorted(theirs.namelist())


def test_types_are_known_outside(tmp_path: Path) -> None:
    environment = DIST / "environment" / "bin" / "python"
    shutil.copy(HERE / "outside.py", tmp_path)
    mypy = [
        sys.executable,
        "-P",
        "-m",
        "mypy",
        "--strict",
        "--warn-unused-ignores",
        "--python-executable",
        str(environment),
    ]
    run([*mypy, "outside.py"], tmp_path)


def test_plugin_is_found_where_cove_is_installed(tmp_path: Path) -> None:
    """The examples of docs/testing.md, with pytest and Cove alone."""
    made = make_environment(
        Path(sys.executable), tmp_path / "environment", str(wheel()), f"pytest=={version('pytest')}"
    )
    tests = tmp_path / "tests"
    tests.mkdir()
    for name, text in python_files("testing.md").items():
        (tests / name).write_text(text)
    assert "4 passed" in run([str(made), "-m", "pytest", "-W", "error"], tests)


def try_it(python: Path, folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    run([str(python), "-P", str(HERE / "trial.py")], empty)
