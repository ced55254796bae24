"""One cluster for all tests that leave it whole."""

from collections.abc import Iterator

import pytest

from tests.cluster.clusters import Cluster
from tests.cluster.clusters import cluster as running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
