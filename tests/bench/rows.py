"""What is measured: each row prepares what it needs with a registry, and returns the work that counts."""

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from tests.bench import machine
from tests.bench.clients import (
    MB,
    Connection,
    Listing,
    pull_blob,
    pull_image,
    pull_range,
    push_again,
    push_blob,
    push_image,
)
from tests.bench.fillings import fill
from tests.bench.images import MIB, Blob, Image
from tests.bench.loads import Done, crowd, gets, heads
from tests.bench.peers import PROJECT, NotMeasured, Server, basic, make_robot, start

GAUGES = {"s", "MB"}  # units of what is better when it is less


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; times in seconds, sizes in bytes."""

    rounds: int = 3
    seconds: float = 3
    connections: tuple[int, ...] = (1, 16, 256)
    crowd: int = 1000
    clients: int = 8
    pullers: int = 20
    big: int = 1024 * MIB
    range: int = 8 * MIB
    medium: int = 10 * MB
    mediums: int = 104  # about 100, as many for each of 8 clients
    layer: int = 20_000
    layers: int = 5
    pulled_layer: int = 100 * MB
    tags: int = 100_000
    repositories: int = 10_000
    sizes: tuple[int, int, int] = (1, 10_000, 1_000_000)


QUICK = Scale(
    rounds=1,
    seconds=0.2,
    connections=(1, 16),
    crowd=50,
    clients=2,
    pullers=2,
    big=2 * MIB,
    range=MIB,
    medium=100_000,
    mediums=4,
    pulled_layer=100_000,
    tags=1100,
    repositories=200,
    sizes=(1, 100, 1000),
)


class Contents:
    """A running registry, and what is there to be pulled from it: pushed when it is first asked for."""

    def __init__(self, name: str, server: Server, scale: Scale, repository: str = f"{PROJECT}/read") -> None:
        self.name = name
        self.server = server
        self.scale = scale
        self.repository = repository
        self._used = 0

    @cached_property
    def image(self) -> Image:
        return self._pushed(Image.new(self.scale.layer, self.scale.layers))

    @cached_property
    def pulled_image(self) -> Image:
        return self._pushed(Image.new(self.scale.pulled_layer, self.scale.layers))

    @cached_property
    def big(self) -> Blob:
        blob = Blob.new(self.scale.big)
        push_blob(Connection(self.server, self.repository), blob)
        return blob

    @cached_property
    def robot(self) -> str:
        """What a robot that may pull sends as its credentials."""
        self.must_have_accounts()
        return make_robot(self.server)

    def must_have_accounts(self) -> None:
        """Raises `NotMeasured` for a registry without."""
        if not self.server.kind.has_accounts:
            raise NotMeasured("it has no accounts")

    @cached_property
    def with_tags(self) -> str:
        """A repository with very many tags."""
        name = f"{PROJECT}/tags"
        fill(self.server, self.image, [name], self.scale.tags)
        return name

    @cached_property
    def repositories(self) -> int:
        """How many there are, in round figures."""
        names = [f"{PROJECT}/many-{number}" for number in range(self.scale.repositories)]
        fill(self.server, self.image, names, 1)
        return len(names)

    def _pushed(self, image: Image) -> Image:
        push_image(Connection(self.server, self.repository), image)
        return image

    def fresh_repository(self) -> str:
        """One that nobody has used."""
        self._used += 1
        return f"{PROJECT}/push-{self._used}"

    def authorization(self, repository: str = "") -> str:
        return self.server.authorization(f"repository:{repository or self.repository}:pull")

    def requests(self, load: Callable[..., Done], rest: str, connections: int, repository: str = "") -> "Work":
        """The work of asking for a path of a repository, again and again."""
        path = f"/v2/{repository or self.repository}/{rest}"
        authorization = self.authorization(repository)
        return partial(load, self.server.port, path, connections, self.scale.seconds, authorization)

    def steps(
        self, step: Callable[[Connection], float], clients: int = 1, *, fresh: bool = False, once: bool = False
    ) -> "Work":
        """The work of so many clients at once, `fresh` ones in a new repository each."""
        names = [self.fresh_repository() if fresh else self.repository for _ in range(clients)]
        connects = [partial(Connection, self.server, name) for name in names]
        return partial(crowd, connects, step, 0 if once else self.scale.seconds)


Work = Callable[[], Done]


@dataclass(frozen=True, slots=True)
class Row:
    """`prepare` makes ready and returns the work that is measured. `beside` is measured in the same rounds, without a
    registry. `writes` is for what tells durable registries from others.
    """

    name: str
    title: str
    unit: str
    prepare: Callable[[Contents], Work]
    writes: bool = False
    beside: Callable[[Path], Done] | None = None

    @property
    def is_gauge(self) -> bool:
        return self.unit in GAUGES


def rows(scale: Scale) -> list[Row]:
    """All of them, in the order in which they are measured."""
    return [
        Row("start", "start, on data that is there", "s", _start_again),
        Row("memory-idle", "memory when idle", "MB", lambda contents: partial(_memory, contents)),
        *_reads(scale),
        *_downloads(scale),
        *_pushes(scale),
        Row("tags", "list of tags, 1,000 a page", "tags/s", _list_tags),
        Row("tags-page", "first page of 100 of these tags", "requests/s", _list_some_tags),
        Row("catalog", "list of repositories, 1,000 a page", "repositories/s", _list_repositories),
        Row("memory-peak", "most memory until now", "MB", lambda contents: partial(_peak, contents)),
    ]


def _start_again(contents: Contents) -> Work:
    server, folder = contents.server, contents.server.folder / "again"

    def work() -> Done:
        with ExitStack() as stack:
            return Done(start(stack, server.kind, folder, server.bucket).started_in, 1)

    if not folder.exists() and not server.bucket:
        shutil.copytree(server.folder / "data", folder / "data")
    elif not folder.exists():
        work()  # what is in the bucket belongs to the other
    return work


def _memory(contents: Contents) -> Done:
    return Done(machine.memory_bytes(contents.server.group) / MB, 1)


def _peak(contents: Contents) -> Done:
    return Done(machine.peak_bytes(contents.server.group) / MB, 1)


def _reads(scale: Scale) -> Iterator[Row]:
    for method, load in (("get", gets), ("head", heads)):
        for by in ("tag", "digest"):
            for count in scale.connections:
                title = f"manifest {method.upper()} by {by}, {count} connection{'s' if count > 1 else ''}"
                prepare = partial(_ask_for_manifest, load=load, by=by, count=count)
                yield Row(f"{method}-{by}-{count}", title, "requests/s", prepare)
    yield Row("blob", "blob of 1.5 kB, 16 connections", "requests/s", _ask_for_small_blob)
    yield Row("token", "token for a password, 16 connections", "requests/s", _ask_for_tokens)
    yield Row("token-robot", "token for a robot, 16 connections", "requests/s", _ask_for_tokens_of_a_robot)


def _ask_for_manifest(contents: Contents, load: Callable[..., Done], by: str, count: int) -> Work:
    return contents.requests(load, f"manifests/{getattr(contents.image, by)}", count)


def _ask_for_small_blob(contents: Contents) -> Work:
    return contents.requests(gets, f"blobs/{contents.image.blobs[0].digest}", 16)


def _ask_for_tokens(contents: Contents) -> Work:
    contents.must_have_accounts()
    return _tokens(contents, basic())


def _ask_for_tokens_of_a_robot(contents: Contents) -> Work:
    return _tokens(contents, contents.robot)


def _tokens(contents: Contents, authorization: str) -> Work:
    path = f"/service/token?service=cove&scope=repository:{contents.repository}:pull"
    return partial(gets, contents.server.port, path, 16, contents.scale.seconds, authorization)


def _downloads(scale: Scale) -> Iterator[Row]:
    size, pulled = f"{scale.big // MIB} MiB", f"{scale.layers * scale.pulled_layer / MB:g} MB"
    for clients in (1, 4):
        prepare = partial(_download, clients=clients)
        yield Row(f"get-big-{clients}", f"blob of {size}, {clients} at once", "MB/s", prepare)
    yield Row("get-ranges", f"ranges of {scale.range // MIB} MiB of it, 4 at once", "MB/s", _download_ranges)
    yield Row("pull", f"image of {pulled}, {scale.pullers} at once", "MB/s", _pull)


def _download(contents: Contents, clients: int) -> Work:
    return contents.steps(partial(pull_blob, digest=contents.big.digest), clients)


def _download_ranges(contents: Contents) -> Work:
    blob, size = contents.big, contents.scale.range

    def step(source: Connection) -> float:
        return pull_range(source, blob.digest, random.randrange(blob.size - size + 1), size)

    return contents.steps(step, 4)


def _pull(contents: Contents) -> Work:
    return contents.steps(partial(pull_image, tag=contents.pulled_image.tag), contents.scale.pullers, once=True)


def _pushes(scale: Scale) -> Iterator[Row]:
    size, few, many = f"{scale.big // MIB} MiB", f"{scale.mediums} blobs of {scale.medium / MB:g} MB", scale.clients
    disk = partial(_write_by_dd, size=scale.big)
    yield Row("push-big", f"push of {size}", "MB/s", _push_big, writes=True, beside=disk)
    yield Row("push-medium", f"push of {few} by {many} clients", "MB/s", _push_mediums, writes=True)
    yield Row("images-1", "images pushed by 1 client", "images/s", partial(push_images, clients=1), writes=True)
    prepare = partial(push_images, clients=many)
    yield Row(f"images-{many}", f"images pushed by {many} clients", "images/s", prepare, writes=True)
    yield Row("push-again", "push of an image that is there", "images/s", _push_again, writes=True)


def _write_by_dd(folder: Path, size: int) -> Done:
    """The disk's own speed."""
    file, began = folder / "written-by-dd", time.monotonic()
    amount = ["bs=1M", f"count={size // MIB}"]
    subprocess.run(["dd", "if=/dev/zero", f"of={file}", *amount, "conv=fsync", "status=none"], check=True)
    done = Done(size / MB, time.monotonic() - began)
    file.unlink()
    return done


def _push_big(contents: Contents) -> Work:
    return contents.steps(partial(push_blob, blob=Blob.new(contents.scale.big)), fresh=True, once=True)


def _push_mediums(contents: Contents) -> Work:
    scale = contents.scale
    Blob.new(scale.medium)  # what all of a size have in common is computed once, here

    def step(to: Connection) -> float:
        return sum(push_blob(to, Blob.new(scale.medium)) for _ in range(scale.mediums // scale.clients))

    return contents.steps(step, scale.clients, fresh=True, once=True)


def push_images(contents: Contents, clients: int) -> Work:
    scale = contents.scale
    return contents.steps(lambda to: push_image(to, Image.new(scale.layer, scale.layers)), clients, fresh=True)


def _push_again(contents: Contents) -> Work:
    return contents.steps(partial(push_again, image=contents.image))


def _list_tags(contents: Contents) -> Work:
    return _list(contents, f"/v2/{contents.with_tags}/tags/list?n=1000", f"repository:{contents.with_tags}:pull")


def _list_some_tags(contents: Contents) -> Work:
    return contents.requests(gets, "tags/list?n=100", 1, contents.with_tags)


def _list_repositories(contents: Contents) -> Work:
    assert contents.repositories
    return _list(contents, "/v2/_catalog?n=1000", "registry:catalog:*")


def _list(contents: Contents, path: str, scope: str) -> Work:
    return partial(crowd, [partial(Listing, contents.server, path, scope)], Listing.page, contents.scale.seconds)
