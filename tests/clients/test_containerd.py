"""containerd's `ctr`: tokens by POST, monolithic uploads."""

from pathlib import Path

import pytest

from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry, password_of

pytestmark = pytest.mark.clients


def as_user(name: str) -> tuple[str, str, str]:
    return "--plain-http", "--user", f"{name}:{password_of(name)}"


@pytest.fixture
def imported(ctr: Client, skopeo: SignIn, layout: Path, name: str) -> str:
    """The local name of an image in containerd."""
    local = f"localhost/{name}:1"
    archive = ctr.home / "image.tar"
    skopeo().run("copy", f"oci:{layout}:1", f"oci-archive:{archive}:{local}")
    ctr.run("images", "import", "--no-unpack", archive)
    return local


def digest_of(ctr: Client, image: str) -> str:
    """What `images list` shows of an image under DIGEST."""
    return ctr.run("images", "list", f"name=={image}").splitlines()[-1].split()[2]


def test_image_is_pushed_and_pulled_by_a_guest(ctr: Client, registry: Registry, imported: str, name: str) -> None:
    remote = f"{registry.address}/team/{name}:1"
    ctr.run("images", "push", *as_user("alice"), remote, imported)
    pushed = digest_of(ctr, imported)
    ctr.run("images", "remove", "--sync", imported)
    ctr.run("images", "pull", "--snapshotter", "native", *as_user("gus"), remote)
    assert digest_of(ctr, remote) == pushed


def test_image_is_pulled_from_a_public_project_without_credentials(
    ctr: Client, registry: Registry, imported: str, name: str
) -> None:
    remote = f"{registry.address}/open/{name}:1"
    ctr.run("images", "push", *as_user("alice"), remote, imported)
    pushed = digest_of(ctr, imported)
    ctr.run("images", "remove", "--sync", imported)
    ctr.run("images", "pull", "--snapshotter", "native", "--plain-http", remote)
    assert digest_of(ctr, remote) == pushed


def test_guest_may_not_push(ctr: Client, registry: Registry, imported: str, name: str) -> None:
    said = ctr.fail("images", "push", *as_user("gus"), f"{registry.address}/team/{name}:1", imported)
    assert "403 Forbidden" in said


def test_wrong_password_is_refused(ctr: Client, registry: Registry, imported: str, name: str) -> None:
    remote = f"{registry.address}/team/{name}:1"
    said = ctr.fail("images", "push", "--plain-http", "--user", "alice:not-it", remote, imported)
    assert "401 Unauthorized" in said
