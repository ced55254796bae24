"""Who may import whom, and what only one place may do."""

import ast
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for package in ("auth", "registry", "storage") for path in (ROOT / package).rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of all that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def uses(path: Path, package: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for name in imported(path))


def users_of(package: str) -> list[str]:
    return [name for name, path in zip(NAMES, FILES, strict=True) if uses(path, package)]


def are_within(names: list[str], *places: str) -> bool:
    """Whether each name is one of the places, which are files, folders with a slash at the end, or patterns."""
    patterns = [place + "*" if place.endswith("/") else place for place in places]
    return all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in names)


# package, and the only places that may import it
PLACES = [
    ("registry", ["registry/"]),
    ("auth", ["auth/", "registry/"]),
    ("sqlalchemy", ["storage/metadata/"]),
    ("alembic", ["storage/metadata/migrations/"]),
    ("sqlite3", ["storage/metadata/sqlite_engines.py"]),
    ("pysqlite3", ["storage/metadata/sqlite_engines.py"]),
    ("psycopg", ["storage/metadata/postgres_engines.py"]),
    ("storage.metadata.tables", ["storage/metadata/"]),
    ("storage.metadata.management_tables", ["storage/metadata/"]),
    (
        "starlette",
        [
            "registry/app.py",
            "registry/bodies.py",
            "registry/browsers.py",
            "registry/callers.py",
            "registry/error_answers.py",
            "registry/origins.py",
            "registry/web.py",
            "registry/routes.py",
            "registry/straight.py",
            "registry/observe.py",
            "registry/hot.py",
            "registry/v2/",
            "registry/api/",
            "registry/ui/",
        ],
    ),
    ("uvicorn", ["registry/guard.py", "registry/refusals.py", "registry/server.py"]),
    ("httptools", ["registry/guard.py"]),
    (
        "registry.web",
        [
            "registry/app.py",
            "registry/error_answers.py",
            "registry/parts.py",
            "registry/routes.py",
            "registry/straight.py",
            "registry/v2/",
            "registry/api/",
            "registry/ui/",
        ],
    ),
    ("registry.api", ["registry/app.py", "registry/management.py", "registry/api/"]),
    ("registry.ui", ["registry/app.py", "registry/pages.py", "registry/ui/"]),
    ("jinja2", ["registry/ui/pages.py"]),
    ("babel", ["registry/ui/languages.py"]),
    ("markdown_it", ["registry/ui/markdown.py"]),
    ("nh3", ["registry/ui/markdown.py"]),
    ("registry.v2", ["registry/app.py", "registry/routes.py", "registry/v2/"]),
    (
        "registry.config",
        [
            "registry/config.py",
            "registry/app.py",
            "registry/chosen.py",
            "registry/places.py",
            "registry/parts.py",
            "registry/management.py",
            "registry/pages.py",
            "registry/work.py",
            "registry/systemd.py",
            "registry/doctor/",
            "registry/cli.py",
            "registry/commands/",
        ],
    ),
    ("click", ["registry/cli.py", "registry/commands/"]),
    ("jwt", ["auth/tokens.py", "auth/oidc.py"]),
    ("passlib", ["auth/passwords.py"]),
    ("cryptography", ["auth/tokens.py", "registry/authorities.py"]),
    ("prometheus_client", ["registry/metrics.py"]),
    ("opentelemetry", ["registry/traces.py"]),
    ("bcrypt", ["auth/passwords.py"]),
    ("ldap3", ["auth/ldap_directory.py"]),
    ("httpx", ["auth/provider_calls.py", "registry/doctor/network.py", "registry/testing/"]),
    ("boto3", ["storage/s3*.py"]),
    ("botocore", ["storage/s3*.py"]),
]


@pytest.mark.parametrize(("package", "places"), PLACES, ids=[row[0] for row in PLACES])
def test_package_is_imported_only_where_it_belongs(package: str, places: list[str]) -> None:
    found = users_of(package)
    assert are_within(found, *places), found


def test_places_that_are_named_exist() -> None:
    for _, places in PLACES:
        for place in places:
            assert "*" in place or (ROOT / place).exists(), place


def test_grammar_is_pure() -> None:
    """It turns text and bytes into values: no web framework, no database, no store, no clock."""
    ours = {
        name
        for path in (ROOT / "registry/oci").glob("*.py")
        for name in imported(path)
        if name.startswith(("registry", "storage", "auth"))
    }
    assert {name.rpartition(".")[0] for name in ours} <= {
        "registry.errors", "storage.digest", "registry.oci", "registry.oci.artifacts", "registry.oci.bounds",
        "registry.oci.descriptors", "registry.oci.documents", "registry.oci.manifests",
        "registry.oci.media_types", "registry.oci.names", "registry.oci.paging", "registry.oci.ranges",
        "registry.oci.packages", "registry.oci.tars", "registry.oci.unpacking",
    }  # fmt: skip


def test_what_is_for_tests_of_others_knows_the_grammar_and_how_to_start_and_nothing_uses_it() -> None:
    ours = {
        name
        for path in (ROOT / "registry/testing").glob("*.py")
        for name in imported(path)
        if name.startswith(("registry", "storage", "auth"))
    }
    assert are_within(
        sorted(ours),
        "registry.testing.*",
        "registry.oci.*",
        "storage.digest.*",
        "registry.cli.main",
        "registry.server.*",
    )
    assert are_within(users_of("registry.testing"), "registry/testing/", "registry/pytest_plugin.py")
    assert users_of("pytest") == ["registry/pytest_plugin.py"]


@pytest.mark.parametrize("package", ["pickle", "marshal", "shelve", "yaml", "dill", "xmlrpc", "telnetlib"])
def test_nothing_reads_a_format_that_can_run_code(package: str) -> None:
    assert users_of(package) == []


def test_subprocesses_and_sockets_are_the_servers_business() -> None:
    assert users_of("subprocess") == ["registry/testing/serving.py"]
    assert are_within(
        users_of("socket"),
        "registry/server.py",
        "registry/systemd.py",
        "registry/sending.py",
        "registry/outgoing.py",
        "registry/doctor/network.py",
        "registry/commands/",
    )


def nodes(found: Callable[[ast.AST], bool]) -> Iterator[str]:
    for name, path in zip(NAMES, FILES, strict=True):
        if any(found(node) for node in ast.walk(ast.parse(path.read_text()))):
            yield name


def test_nothing_evaluates_text() -> None:
    def evaluates(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"eval", "exec", "compile"}
        )

    assert list(nodes(evaluates)) == []


def test_environment_is_read_by_the_settings_alone() -> None:
    """The metrics hand prometheus-client the variable that it insists on, and look whether it is set; what starts a
    registry for the tests of others hands it all but the settings.
    """

    def reads(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}

    assert set(nodes(reads)) == {"registry/config.py", "registry/metrics.py", "registry/testing/serving.py"}
    used = [
        node
        for node in ast.walk(ast.parse((ROOT / "registry/metrics.py").read_text()))
        if isinstance(node, ast.Subscript | ast.Compare) and any(map(reads, ast.walk(node)))
    ]
    assert used
    assert all("_FOLDER" in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} for node in used)


def test_code_prints_nothing() -> None:
    def prints(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"

    assert list(nodes(prints)) == []
