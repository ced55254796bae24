"""Servers that tests share, and what holds for all tests."""

import os
import ssl
from collections.abc import Iterator
from functools import cache

import httpx
import pytest
from hypothesis import HealthCheck, settings

from storage.metadata import schema
from tests.storage.metadata import fresh
from tests.storage.postgres_server import PostgresServer, postgres_server
from tests.storage.s3_server import ENVIRONMENT, S3Server, s3_server

SERVERS = {"s3", "postgres", "services"}  # names of fixtures, and what cases are called that use them

# How long an example takes tells of the machine, and not of the code.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses another program's server, by a fixture or as one of several cases, and what kills servers."""
    for item in items:
        if item.path.parent.name == "torture":
            item.add_marker("slow")
        case = getattr(item, "callspec", None)
        used = {*getattr(item, "fixturenames", ()), *(case.id.split("-") if case else ())}
        if used & SERVERS:
            item.add_marker("servers")


@pytest.fixture(scope="session", autouse=True)
def new_records_at_once() -> Iterator[None]:
    """For databases that tests make in their own process, but for those of the tests of migrations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "create", fresh.create)
        yield


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """httpx reads the list of authorities for each client that does not say otherwise: longer than a request."""
    usual, first = httpx.create_ssl_context, cache(httpx.create_ssl_context)

    def create(verify: object = True, cert: object = None, trust_env: bool = True) -> ssl.SSLContext:
        is_plain = verify is True and cert is None and not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys()
        return first() if is_plain else usual(verify, cert, trust_env)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", create)
        yield


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, and its credentials in the environment."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        with s3_server(tmp_path_factory.mktemp("s3") / "root") as server:
            yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session", autouse=os.environ.get("TEST_DATABASE") == "postgres")
def records_in_postgres(postgres: PostgresServer) -> None:
    """Have every server that tests start in their own process use PostgreSQL."""
    from tests.http.serving import Records

    Records.make_database = postgres.make_database
