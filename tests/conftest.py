import os
from collections.abc import Iterator

import pytest

from tests.storage.postgres_server import PostgresServer, postgres_server
from tests.storage.s3_server import ENVIRONMENT, S3Server, s3_server


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
