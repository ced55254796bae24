"""One server for all client tests, and for each client a fixture that gives it signed in as a user.

Every test meets a server alone, with its data in a folder, and a cluster of servers behind nginx.

People of the server: `alice` develops the projects `team` (private) and `open` (public), `gus` is a guest of `team`,
`stan` is a member of nothing, `pat` administers `conf`, and `admin` may do everything.
"""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients import daemons, images, registries
from tests.clients.programs import ROOT, TOOLS, Client, SignIn, bare_environment, find_program, miss
from tests.clients.registries import Registry, password_of
from tests.cluster import clusters


@pytest.fixture(scope="session", params=["alone", pytest.param("cluster", marks=pytest.mark.cluster)])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    serve = registries.serve if request.param == "alone" else clusters.serve
    with serve(tmp_path_factory.mktemp("cove")) as server:
        populate(server)
        yield server


def populate(server: Registry) -> None:
    for user in ("alice", "gus", "stan", "pat"):
        server.add_user(user)
    server.cove("project", "add", "team")
    server.cove("project", "add", "open", "--public")
    server.cove("project", "add", "conf")
    for project, user, role in (
        ("team", "alice", "developer"),
        ("team", "gus", "guest"),
        ("open", "alice", "developer"),
        ("conf", "pat", "projectAdmin"),
    ):
        server.cove("member", "add", project, user, role)


@pytest.fixture
def name() -> str:
    """The name of a repository that no other test uses."""
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def homes() -> Iterator[Callable[[], Path]]:
    """Gives a new place for a program's home folder at each call; all are gone when the test ends."""
    with short_folder() as folder:
        yield lambda: folder / uuid.uuid4().hex[:8]


# The name of a socket ends at 108 bytes and that of Podman's `--runroot` at 50: too few for pytest's own folders.
@contextmanager
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cove-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def daemons_folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def containerd(daemons_folder: Path) -> Iterator[Path]:
    find_program("runc")
    (daemons_folder / "c").mkdir()
    with daemons.run_containerd(daemons_folder / "c") as socket:
        yield socket


@pytest.fixture(scope="session")
def dockerd(daemons_folder: Path, containerd: Path) -> Iterator[str]:
    (daemons_folder / "d").mkdir()
    with daemons.run_dockerd(daemons_folder / "d", containerd) as host:
        yield host


def signing_in(registry: Registry, client: Callable[[], Client], *login: str) -> SignIn:
    """A `SignIn` for programs that log in by `login --username NAME --password-stdin ADDRESS`."""

    def sign_in(user: str | None = None) -> Client:
        made = client()
        if user is not None:
            made.run(*login, "--username", user, "--password-stdin", registry.address, stdin=f"{password_of(user)}\n")
        return made

    return sign_in


@pytest.fixture
def bare_docker(dockerd: str, homes: Callable[[], Path]) -> Callable[[], Client]:
    """The Docker command line without any credentials, each one with a configuration of its own."""

    def make() -> Client:
        home = homes()
        return Client((find_program("docker"), "--host", dockerd), bare_environment(home), home)

    return make


@pytest.fixture
def docker(registry: Registry, bare_docker: Callable[[], Client]) -> SignIn:
    return signing_in(registry, bare_docker, "login")


@pytest.fixture
def skopeo(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    def make() -> Client:
        home = homes()
        return Client((find_program("skopeo"),), bare_environment(home), home)

    return signing_in(registry, make, "login", "--tls-verify=false")


@pytest.fixture
def podman(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    def make() -> Client:
        home = homes()
        folders = ("--root", f"{home}/root", "--runroot", f"{home}/runroot", "--tmpdir", f"{home}/libpod")
        options = ("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file")
        return Client((find_program("podman"), *folders, *options), bare_environment(home), home)

    return signing_in(registry, make, "login", "--tls-verify=false")


@pytest.fixture
def buildah(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    def make() -> Client:
        home = homes()
        folders = ("--root", f"{home}/root", "--runroot", f"{home}/runroot", "--storage-driver", "vfs")
        return Client((find_program("buildah"), *folders), bare_environment(home), home)

    return signing_in(registry, make, "login", "--tls-verify=false")


@pytest.fixture
def crane(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    def make() -> Client:
        home = homes()
        return Client((find_program("crane"),), bare_environment(home), home)

    return signing_in(registry, make, "auth", "login")


@pytest.fixture
def oras(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    def make() -> Client:
        home = homes()
        return Client((find_program("oras"),), bare_environment(home), home)

    return signing_in(registry, make, "login", "--plain-http")


@pytest.fixture
def helm(registry: Registry, homes: Callable[[], Path]) -> SignIn:
    """Helm itself, as the library in its Python SDK, behind the command line of `helm_commands.py`."""

    def make() -> Client:
        home, python = homes(), TOOLS / "helm" / "bin" / "python"
        if not python.exists():
            miss("helm-python-sdk")
        commands = ROOT / "tests" / "clients" / "helm_commands.py"
        return Client((str(python), str(commands)), bare_environment(home), home)

    return signing_in(registry, make, "login")


@pytest.fixture
def ctr(containerd: Path, homes: Callable[[], Path]) -> Client:
    """containerd's own client in a namespace of this test; it takes credentials with each command."""
    home = homes()
    command = (find_program("ctr"), "--address", str(containerd), "--namespace", home.name)
    return Client(command, bare_environment(home), home)


@pytest.fixture
def layout(umoci: Client) -> Path:
    """An OCI image layout with one image of two layers, tagged 1."""
    return images.make_layout(umoci)


@pytest.fixture
def umoci(homes: Callable[[], Path]) -> Client:
    home = homes()
    return Client((find_program("umoci"),), bare_environment(home), home)


@pytest.fixture
def root_fs_image(bare_docker: Callable[[], Client], name: str, tmp_path: Path) -> Iterator[str]:
    """The local name of a Debian image of three layers, more than 100 MB to push; gone when the test ends."""
    docker = bare_docker()
    base, image = f"{name}:base", f"{name}:local"
    docker.run("import", images.debian_root_fs(tmp_path), base)
    docker.run("build", "--tag", image, images.write_build_folder(tmp_path / "build", base, big=True))
    docker.run("image", "rm", base)
    yield image
    images.remove_all(docker)


@pytest.fixture
def small_image(bare_docker: Callable[[], Client], name: str, tmp_path: Path) -> Iterator[str]:
    """The local name of an image of two small layers; gone when the test ends."""
    docker, image = bare_docker(), f"{name}:local"
    docker.run("build", "--tag", image, images.write_build_folder(tmp_path / "build", "scratch"))
    yield image
    images.remove_all(docker)
