"""The proxies of deploy/, as their files say, but on free ports and with folders of the test."""

import re
import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.processes import running
from tests.clients.programs import ROOT, SEARCH_PATH, find_program
from tests.cluster import services
from tests.cluster.services import free_port, listens

DEPLOY = ROOT / "deploy"
NAME = "localhost"

_CADDY = """{{
	admin off
	skip_install_trust
	http_port {port}
}}
{file}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is reached, and the authority of its certificate."""

    url: str
    authority: Path


@contextmanager
def nginx(folder: Path, servers: Sequence[str], certificate: tuple[Path, Path]) -> Iterator[Proxy]:
    """nginx before the servers at these addresses, by https.conf.template."""
    command = services.nginx(folder, f"include {folder}/cove.conf;")
    plain, secure = free_port(), free_port()
    upstream = " ".join(f"server {server} max_fails=0;" for server in servers)
    text = string.Template((DEPLOY / "nginx" / "https.conf.template").read_text())
    conf = text.safe_substitute(REGISTRY_HOST=NAME, COVE_UPSTREAM=upstream)
    for old, new in (
        (r"listen \[::\][^;]*;", ""),
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ", f"listen 127.0.0.1:{secure} "),
        (r"/etc/nginx/tls/server.crt", str(certificate[0])),
        (r"/etc/nginx/tls/server.key", str(certificate[1])),
    ):
        conf, count = re.subn(old, new, conf)
        assert count, old
    (folder / "cove.conf").write_text(conf)
    (folder / "cove-proxy.conf").write_text((DEPLOY / "nginx" / "cove-proxy.conf").read_text())
    with running(command, folder / "log", lambda: listens(secure), {"PATH": SEARCH_PATH}, folder):
        yield Proxy(f"https://{NAME}:{secure}", certificate[0])


@contextmanager
def caddy(folder: Path, servers: Sequence[str]) -> Iterator[Proxy]:
    """Caddy before the servers, with a certificate of its own authority."""
    folder.mkdir()
    plain, secure = free_port(), free_port()
    (folder / "Caddyfile").write_text(_CADDY.format(port=plain, file=(DEPLOY / "caddy" / "Caddyfile").read_text()))
    environment = {
        "PATH": SEARCH_PATH,
        "HOME": str(folder),
        "REGISTRY_HOST": f"{NAME}:{secure}",
        "COVE_UPSTREAM": " ".join(servers),
    }
    authority = folder / ".local" / "share" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    command = [find_program("caddy"), "run", "--config", str(folder / "Caddyfile")]
    log = folder / "log"
    with running(command, log, lambda: "certificate obtained" in log.read_text(), environment, folder):
        yield Proxy(f"https://{NAME}:{secure}", authority)
