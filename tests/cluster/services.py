"""The programs that several nodes share, each on loopback: it can be killed, and started again where it was."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.programs import SEARCH_PATH, find_program, miss
from tests.storage.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY

START_SECONDS = 60
POSTGRES_FOLDERS = "/usr/lib/postgresql"

_NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {own}
}}
"""

# Requests alternate between the nodes, and a node that cannot be reached is passed over. Nothing waits on a disk.
_BALANCER = """
    upstream nodes {{
        {servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_http_version 1.1;
        proxy_read_timeout 300s;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        location / {{ proxy_pass http://nodes; }}
    }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Service:
    """A program on a port of this machine that keeps its port and its data when it starts again."""

    command: list[str]
    port: int
    log: Path
    answers: Callable[[int], bool]
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", **self.environment},
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                cwd="/",
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers(self.port):
            assert self._process.poll() is None, self.log.read_text(errors="replace")[-4000:]
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-4000:]
            time.sleep(0.02)

    def end(self, by: int = signal.SIGKILL) -> None:
        """Returns when it is gone."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(by)
            self._process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(service: Service, by: int = signal.SIGTERM) -> Iterator[Service]:
    try:
        service.start()
        yield service
    finally:
        service.end(by)


def object_storage(folder: Path) -> Service:
    """An S3 server over files, with one bucket; parts of uploads outlive it too."""
    (folder / "s3" / BUCKET).mkdir(parents=True)
    port = free_port()
    return Service(
        [find_program("versitygw"), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder / "s3")],
        port,
        folder / "s3.log",
        listens,
        environment={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
    )


def postgres_program(name: str) -> str:
    """A program of the newest PostgreSQL that Debian keeps apart from the others."""
    found = sorted(Path(POSTGRES_FOLDERS).glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name, path=SEARCH_PATH) or miss("postgresql")


@contextmanager
def postgres_folder() -> Iterator[tuple[Path, str | None]]:
    """A folder of the account that PostgreSQL may run as, and that account's name where it is another than ours."""
    with tempfile.TemporaryDirectory(prefix="cove-", dir="/tmp") as made:
        folder, user = Path(made), None
        if os.geteuid() == 0:
            user = "postgres"
            shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
        yield folder, user


@contextmanager
def database() -> Iterator[Service]:
    """An empty PostgreSQL that trusts everybody on this machine, running."""
    with postgres_folder() as (folder, user):
        data, port = folder / "data", free_port()
        initdb = [postgres_program("initdb"), "-D", str(data), "-U", "cove", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, user=user, group=user, cwd="/", stdout=subprocess.DEVNULL, check=True)
        is_ready = postgres_program("pg_isready")

        def answers(port: int) -> bool:
            command = [is_ready, "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(command, check=False).returncode == 0

        options = ["-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        service = Service([postgres_program("postgres"), *options], port, folder / "log", answers, user)
        (folder / "log").touch()
        with started(service, by=signal.SIGINT):
            yield service


def nginx(folder: Path, own: str) -> list[str]:
    """The command of an nginx that keeps to a folder, which is made; `own` is what its block `http` has beside that."""
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(user=user, folder=folder, own=own))
    return [find_program("nginx"), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]


def balancer(folder: Path, nodes: list[int]) -> Service:
    """An nginx before the nodes on these ports."""
    port = free_port()
    servers = "\n        ".join(f"server 127.0.0.1:{node} max_fails=0;" for node in nodes)
    command = nginx(folder / "nginx", _BALANCER.format(servers=servers, port=port))
    return Service(command, port, folder / "nginx.log", listens)


@dataclass
class Services:
    """What the nodes keep everything in."""

    database: Service
    storage: Service

    def settings(self) -> dict[str, str]:
        """Those of a node."""
        return {
            "database_url": f"postgresql://cove@{self.database.address}/postgres",
            "storage_url": f"s3://{BUCKET}/registry",
            "s3_endpoint": f"http://{self.storage.address}",
            "trusted_proxies": "127.0.0.1",
        }


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    with ExitStack() as stack:
        storage = stack.enter_context(started(object_storage(folder)))
        yield Services(stack.enter_context(database()), storage)
