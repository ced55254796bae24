"""One cluster for all tests that leave it whole."""

import shutil
from collections.abc import Iterator

import pytest

from tests.cluster.clusters import Cluster
from tests.cluster.clusters import cluster as running_cluster
from tests.torture.conftest import strace as strace  # noqa: PLC0414  # its fixture, for the tests here


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder) as made:
        yield made
    shutil.rmtree(folder)  # it has gigabytes, and pytest would keep them
