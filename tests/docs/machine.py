"""Does what a page of docs/ says, in order, on a machine of its own: `python -m tests.docs.machine PAGE FOLDER`.

It runs in namespaces of its own for networks and mounts (`unshare --net --mount`), so the pages' port 5000, the names
`registry.lan` and the like, and folders such as /srv and /etc are the real ones and nobody else's. Whatever asks for a
password gets the same one. Everything is shown, and the status is that of the first command that fails.
"""

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.clients.daemons import run_containerd, run_dockerd
from tests.clients.programs import ALLOW_EVERY_IMAGE, SEARCH_PATH
from tests.docs.not_run import is_run
from tests.docs.pages import ROOT, SHELL, Block, blocks, split
from tests.docs.preloaded import preloaded
from tests.docs.preparations import FUNCTIONS, PASSWORD, Preparation, preparation
from tests.storage.postgres_server import TEMPLATE, postgres_server
from tests.storage.s3_server import ENVIRONMENT, s3_server

ADDRESS = "10.9.9.9"  # of no loopback network, which some clients trust
_DATABASE = "CREATE ROLE cove LOGIN PASSWORD 'secret'; CREATE DATABASE cove OWNER cove"
_PROMPT = re.compile(rb"(?:assword|confirmation)[^\n]*: ?$")


def main(page: str, folder: Path) -> int:
    prepared = preparation(page)
    _make_places(folder)
    with ExitStack() as stack:
        environment = _environment(folder, stack.enter_context(preloaded(folder)))
        texts = dict(prepared.texts)
        if "postgres" in prepared.needs:
            texts |= stack.enter_context(_postgres(blocks(page)))
        if "s3" in prepared.needs:
            texts |= stack.enter_context(_s3(folder))
            environment |= ENVIRONMENT
        if "docker" in prepared.needs:
            environment["DOCKER_HOST"] = stack.enter_context(_docker(folder, blocks(page)))
        os.environ.update(environment)
        os.chdir(folder / "work")
        return _typed(_script(page, prepared, texts))


def _make_places(folder: Path) -> None:
    """Folders of this machine alone, with a copy of /etc, in place of everybody's."""
    (folder / "work").mkdir()
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    for place in ("etc", "srv", "mnt", "opt"):
        (folder / place).mkdir(exist_ok=True)
        _run("mount", "--bind", str(folder / place), f"/{place}")
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"{ADDRESS} registry.lan\n")
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    containers = Path("/etc/containers")
    (containers / "registries.conf.d").mkdir(parents=True, exist_ok=True)
    (containers / "policy.json").write_text(ALLOW_EVERY_IMAGE)
    (containers / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/c"\nrunroot = "{folder}/r"\n'
    )
    (containers / "containers.conf").write_text('[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')


def _environment(folder: Path, command: str) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir()
    serve = f'if [ "$1" = serve ]; then exec {sys.executable} -P -m registry.cli "$@"; fi\n'
    for name, script in (("cove", serve + command), ("python3", f'exec {sys.executable} "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return {
        "PATH": f"{programs}:{SEARCH_PATH}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "TERM": "dumb",
        "COVE_ADMIN_PASSWORD": PASSWORD,
    }


@contextmanager
def _postgres(of_page: list[Block]) -> Iterator[Mapping[str, str]]:
    """A server on which the page's SQL was done, or what it says elsewhere."""
    with postgres_server() as server:
        server.run(f"DROP DATABASE {TEMPLATE}")
        server.run("DROP ROLE cove")
        statements = "".join(block.text for block in of_page if block.language == "sql")
        for statement in filter(str.strip, (statements or _DATABASE).split(";")):
            server.run(statement)
        yield {"db.lan:5432": f"127.0.0.1:{server.port}"}


@contextmanager
def _s3(folder: Path) -> Iterator[Mapping[str, str]]:
    with s3_server(folder / "s3") as server:
        (server.folder / "bucket").mkdir()
        os.environ["COVE_S3_ENDPOINT"] = server.endpoint
        yield {"http://minio.lan:9000": server.endpoint}


@contextmanager
def _docker(folder: Path, of_page: list[Block]) -> Iterator[str]:
    """A Docker with the settings that the page gives it."""
    settings = [block.text for block in of_page if block.file == "/etc/docker/daemon.json"]
    with run_containerd(_made(folder / "ctr")) as containerd:
        os.environ["CONTAINERD_ADDRESS"] = str(containerd)
        with run_dockerd(_made(folder / "d"), containerd, settings[0] if settings else "{}") as host:
            yield host


def _script(page: str, prepared: Preparation, texts: Mapping[str, str]) -> str:
    lines = [FUNCTIONS, prepared.script]
    for block in blocks(page):
        if block.file:
            lines.append(_writing(block))
        if block.language == SHELL:
            lines += [_doing(command, prepared, texts) for command in split(block.text) if is_run(command)]
    return "\n".join(lines)


def _writing(block: Block) -> str:
    return f"mkdir -p $(dirname {block.file}); cat >{block.file} <<'END OF FILE'\n{block.text}END OF FILE"


def _doing(command: str, prepared: Preparation, texts: Mapping[str, str]) -> str:
    first = "".join(script for part, script in prepared.before.items() if part in command)
    for text, other in texts.items():
        command = command.replace(text, other)
    shown = command.replace("'", "'\\''")
    return f"{first}printf '%s\\n' '$ {shown}'\n{command}"


def _typed(script: str) -> int:
    """Run a script on a terminal, at which somebody answers questions for passwords. Gives its status."""
    said = bytearray()
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("bash", ["bash", "-c", script])
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed: EIO
            piece = b""
        if not piece:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        said += piece
        if _PROMPT.search(said[-200:]):
            os.write(terminal, f"{PASSWORD}\n".encode())
            said.clear()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
