"""Helm 4: charts as OCI artifacts."""

from pathlib import Path

import pytest

from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients


def package(helm: Client, name: str, version: str = "0.1.0") -> Path:
    """Make a small chart; gives its archive."""
    chart = helm.home / name
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\ndescription: a sea chart\n")
    (chart / "values.yaml").write_text("depth: 7\n")
    (chart / "templates" / "note.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\n")
    return Path(helm.run("package", chart))


def test_chart_is_pushed_and_pulled_by_a_guest(helm: SignIn, registry: Registry, name: str) -> None:
    alice, gus = helm("alice"), helm("gus")
    archive = package(alice, name)
    alice.run("push", archive, f"oci://{registry.address}/team/charts")
    gus.run("pull", f"oci://{registry.address}/team/charts/{name}", "--version", "0.1.0")
    assert (gus.home / archive.name).read_bytes() == archive.read_bytes()


def test_chart_is_shown(helm: SignIn, registry: Registry, name: str) -> None:
    alice = helm("alice")
    alice.run("push", package(alice, name), f"oci://{registry.address}/team/charts")
    assert "a sea chart" in helm("gus").run("show", f"oci://{registry.address}/team/charts/{name}")


def test_newest_version_is_found_by_the_tags(helm: SignIn, registry: Registry, name: str) -> None:
    alice, charts = helm("alice"), f"oci://{registry.address}/team/charts"
    for version in ("0.9.0", "0.10.0"):
        alice.run("push", package(alice, name, version), charts)
    assert alice.run("tags", f"{charts}/{name}").split() == ["0.10.0", "0.9.0"]
    assert "version: 0.10.0" in alice.run("show", f"{charts}/{name}")


def test_version_with_build_metadata_comes_back_with_its_plus(helm: SignIn, registry: Registry, name: str) -> None:
    alice, gus, charts = helm("alice"), helm("gus"), f"oci://{registry.address}/team/charts"
    archive = package(alice, name, "0.1.0+build1")
    alice.run("push", archive, charts)
    gus.run("pull", f"{charts}/{name}", "--version", "0.1.0+build1")
    assert (gus.home / archive.name).read_bytes() == archive.read_bytes()


def test_chart_of_a_public_project_is_pulled_without_credentials(helm: SignIn, registry: Registry, name: str) -> None:
    alice, anonymous = helm("alice"), helm()
    archive = package(alice, name)
    alice.run("push", archive, f"oci://{registry.address}/open/charts")
    anonymous.run("pull", f"oci://{registry.address}/open/charts/{name}", "--version", "0.1.0")
    assert (anonymous.home / archive.name).read_bytes() == archive.read_bytes()


def test_guest_may_not_push_and_is_told_why(helm: SignIn, registry: Registry, name: str) -> None:
    gus = helm("gus")
    said = gus.fail("push", package(gus, name), f"oci://{registry.address}/team/charts")
    assert "denied" in said
    assert "gus" in said


def test_login_with_a_wrong_password_fails(helm: SignIn, registry: Registry) -> None:
    login = ("login", "--username", "alice", "--password-stdin", registry.address)
    assert "incorrect username or password" in helm().fail(*login, stdin="not it\n")
