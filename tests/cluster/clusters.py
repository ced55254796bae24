"""Several nodes over one PostgreSQL and one S3 server, behind nginx: a registry like any other to its clients."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.registries import Registry, password_of
from tests.cluster.services import Service, Services, balancer, services, started
from tests.storage.s3_server import ENVIRONMENT
from tests.torture.servers import Server, start

NODES = 2


@dataclass
class Cluster:
    """`nodes` are what nginx passes requests on to; `node` starts more of them, that it does not know."""

    folder: Path
    services: Services
    settings: dict[str, str]
    nodes: list[Server]
    proxy: Service
    _stack: ExitStack

    @property
    def url(self) -> str:
        return f"http://{self.proxy.address}"

    def node(self, name: str, *arguments: str, stack: ExitStack | None = None, **settings: str) -> Server:
        """Start a node with a folder of its own; `stack` ends it, or else the cluster's end does."""
        return start_node(stack or self._stack, self.folder / name, *arguments, **(self.settings | settings))

    def restart(self, number: int) -> None:
        """Start a node that was killed, on its port."""
        self.nodes[number] = self.node(f"node{number}", "--port", str(self.nodes[number].port))

    def registry(self) -> Registry:
        """What client programs and the command line are pointed at."""
        settings = {f"COVE_{name.upper()}": value for name, value in self.settings.items()}
        return Registry(self.proxy.address, self.nodes[0].data, settings)


def start_node(stack: ExitStack, folder: Path, *arguments: str, **settings: str) -> Server:
    folder.mkdir(exist_ok=True)
    return start(stack, folder / "data", *arguments, **settings)  # type: ignore[arg-type]  # all of them are settings


@contextmanager
def cluster(folder: Path, **settings: str) -> Iterator[Cluster]:
    """Run everything until the block ends; `settings` are more settings of the nodes."""
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        kept = stack.enter_context(services(folder))
        settings = kept.settings() | settings
        running = [start_node(stack, folder / f"node{number}", **settings) for number in range(NODES)]
        proxy = stack.enter_context(started(balancer(folder, [node.port for node in running])))
        yield Cluster(folder, kept, settings, running, proxy, stack)


@contextmanager
def serve(folder: Path, **settings: str) -> Iterator[Registry]:
    """A cluster in the place of `tests.clients.registries.serve`; `settings` are environment variables here too."""
    with cluster(folder, **{name.removeprefix("COVE_").lower(): value for name, value in settings.items()}) as made:
        registry = made.registry()
        registry.cove("user", "password", "admin", "--password-stdin", stdin=f"{password_of('admin')}\n")
        yield registry
