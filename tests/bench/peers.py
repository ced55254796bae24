"""The registries that are measured: how each is found and started. Peers keep no accounts and write few logs."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlencode

from tests.cli.running import COVE, environment
from tests.cluster.services import free_port

ROOT = Path(__file__).parents[2]
BINARIES = ROOT / ".bench" / "bin"
PROJECT, USER, PASSWORD = "bench", "bench", "Correct-horse1"
START_SECONDS = 60


class NotMeasured(Exception):
    """A registry, or something of it, cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where blobs go when they do not go into a folder."""

    endpoint: str
    name: str
    environment: Mapping[str, str]  # has the credentials


Command = Callable[[Path, Path, int, Bucket | None], tuple[list[str], dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A program. `command` gives arguments and environment for a program, a folder, a port and a bucket.

    A push to one that `is_durable` survives a loss of power once it is answered.
    """

    name: str
    command: Command
    is_durable: bool = True
    has_accounts: bool = False
    takes_bucket: bool = True
    version_command: tuple[str, ...] = ("--version",)

    @property
    def variable(self) -> str:
        """The environment variable that names another binary."""
        return f"BENCH_{self.name.upper().replace('-', '_')}"

    def find(self) -> Path:
        """The program. Raises `NotMeasured`."""
        if self.has_accounts:
            return Path(COVE[0])
        installed = sorted(BINARIES.glob(f"{self.name}-v*")) or [Path(shutil.which(self.name) or "")]
        program = Path(os.environ.get(self.variable) or installed[-1])
        if not program.is_file():
            raise NotMeasured(f"not installed, and {self.variable} names no binary")
        return program

    def version(self) -> str:
        """As the program says, or its file's name where it was built without knowing."""
        if self.has_accounts:
            return version("cove-registry")
        program = self.find()
        said = subprocess.run([program, *self.version_command], capture_output=True, text=True, check=False)
        found = re.search(r"\bv?(\d+\.\d+\.\d+)", f"{said.stdout} {said.stderr}") or re.search(
            r"v([\d.]+)$", program.name
        )
        return found[1] if found else "unknown"


def _cove(_program: Path, folder: Path, port: int, bucket: Bucket | None) -> tuple[list[str], dict[str, str]]:
    """As shipped: accounts and tokens, records in SQLite, everything durable, as many processes as by default."""
    variables = environment(admin_password=PASSWORD)
    if bucket:
        place = f"s3://{bucket.name}/{_prefix(folder)}"
        variables |= {"COVE_STORAGE_URL": place, "COVE_S3_ENDPOINT": bucket.endpoint, **bucket.environment}
    return [*COVE, "serve", "--port", str(port), "--data", str(folder / "data")], variables


def _distribution(program: Path, folder: Path, port: int, bucket: Bucket | None) -> tuple[list[str], dict[str, str]]:
    """Its own example configuration, without a log of requests."""
    storage: dict[str, object] = {"filesystem": {"rootdirectory": str(folder / "data")}}
    if bucket:
        server = {"region": "us-east-1", "regionendpoint": bucket.endpoint, "forcepathstyle": True}
        copying = {"multipartcopythresholdsize": 5 << 30}  # one copy each, since few servers of S3 copy in parts
        place = {"bucket": bucket.name, "rootdirectory": f"/{_prefix(folder)}"}
        storage = {"s3": {**server, **copying, **place}, "redirect": {"disable": True}}
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"cache": {"blobdescriptor": "inmemory"}, **storage},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.json").write_text(json.dumps(configuration))  # JSON is YAML
    variables = {**os.environ, **(bucket.environment if bucket else {}), "OTEL_TRACES_EXPORTER": "none"}
    return [str(program), "serve", str(folder / "config.json")], variables


def _prefix(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def _olareg(program: Path, folder: Path, port: int, _bucket: Bucket | None) -> tuple[list[str], dict[str, str]]:
    place = ["--addr", "127.0.0.1", "--port", str(port), "--dir", str(folder / "data")]
    return [str(program), "serve", *place], dict(os.environ)


KINDS = [
    Kind("cove", _cove, has_accounts=True),
    Kind("distribution", _distribution),
    Kind("olareg", _olareg, is_durable=False, takes_bucket=False, version_command=("version",)),
    Kind("docker-registry", _distribution, takes_bucket=False),
]


@dataclass
class Server:
    """A registry that answers. `started_in` is the seconds from its start until it did."""

    kind: Kind
    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    bucket: Bucket | None
    started_in: float = field(default=0, init=False)

    @property
    def group(self) -> int:
        return self.process.pid

    def authorization(self, scope: str) -> str:
        """The value of the header field that a client sends, after asking for a token as it does; empty for peers."""
        if not self.kind.has_accounts:
            return ""
        target = f"/service/token?{urlencode({'service': 'cove', 'scope': scope})}"
        with closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("GET", target, headers={"Authorization": basic()})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise NotMeasured(f"{answer.status} for a token")
        return f"Bearer {json.loads(content)['token']}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.group, signal.SIGKILL)
            self.process.wait()


def basic(name: str = USER, secret: str = PASSWORD) -> str:
    return f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"


def make_robot(server: Server) -> str:
    """The credentials of a robot that may pull from the project, as `basic` writes them."""
    access = [{"resource": "repository", "action": "pull"}]
    permissions = [{"kind": "project", "namespace": PROJECT, "access": access}]
    robot = {"name": "pipeline", "level": "project", "duration": -1, "permissions": permissions}
    fields = {"Authorization": basic("admin"), "Content-Type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", "/api/v2.0/robots", body=json.dumps(robot), headers=fields)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 201:
        raise NotMeasured(f"{answer.status} for a robot: {content[:200].decode(errors='replace')}")
    made = json.loads(content)
    return basic(made["name"], made["secret"])


def start(stack: ExitStack, kind: Kind, folder: Path, bucket: Bucket | None = None, **more: str) -> Server:
    """Start a registry over `folder`, until `stack` ends; `more` is for its environment. Raises `NotMeasured`."""
    if bucket and not kind.takes_bucket:
        raise NotMeasured("measured on a disk only")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments, variables = kind.command(kind.find(), folder, port, bucket)
    variables |= more
    with (folder / "log").open("a") as log:
        began = time.monotonic()
        process = subprocess.Popen(arguments, env=variables, stdout=log, stderr=log, start_new_session=True)
    server = Server(kind, folder, port, process, variables, bucket)
    stack.callback(server.stop)
    _wait(server)
    server.started_in = time.monotonic() - began
    return server


def settle_in(server: Server) -> None:
    """Give a Cove that was just started a private project, and the user who pushes to it and pulls from it."""
    project, user, role = ["project", "add", PROJECT], ["user", "add", USER, "--password-stdin"], "developer"
    for arguments in (project, user, ["member", "add", PROJECT, USER, role]) if server.kind.has_accounts else ():
        command = [*COVE, *arguments, "--data", str(server.folder / "data")]
        subprocess.run(
            command, env=server.environment, input=f"{PASSWORD}\n", text=True, check=True, stdout=subprocess.DEVNULL
        )


def _wait(server: Server) -> None:
    """Until the base of the API is answered, in whatever way."""
    deadline = time.monotonic() + START_SECONDS
    while not _answers(server):
        if time.monotonic() > deadline or server.process.poll() is not None:
            raise NotMeasured(f"it did not start: {(server.folder / 'log').read_text()[-300:]}")
        time.sleep(0.002)


def _answers(server: Server) -> bool:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)) as connection:
        try:
            connection.request("GET", "/v2/")
        except ConnectionRefusedError:
            return False
        return connection.getresponse().status > 0
