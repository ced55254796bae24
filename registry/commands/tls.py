"""`cove tls`: a certificate for a registry that no public authority knows."""

import os
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from registry.authorities import AuthorityError, Pair, issue, make_authority
from registry.commands.failures import Failure
from registry.commands.outcomes import Done, on_config
from registry.config import Config

_HERE = ("localhost", "127.0.0.1", "::1")
_FOLDER = "tls"  # in the data folder


@click.group("tls")
def command() -> None:
    """Make certificates."""


@command.command("self-signed")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--folder", metavar="PATH", type=click.Path(path_type=Path), help="Default: `tls` in the data folder.")
@click.option("--days", type=click.IntRange(1, 825), default=397, show_default=True, help="For which it is good.")
@on_config
def self_signed(config: Config, names: tuple[str, ...], folder: Path | None, days: int) -> Done:
    """Make a certificate, and an authority that clients can trust.

    A NAME is a host name or an address that clients use; without any it is that of public_url or of this machine. Those
    by which the registry is reached on this machine itself are added.

    Run again, it issues a new certificate of the same authority, which clients that trust it accept; a running server
    takes it over by itself.
    """
    place, now = (folder or config.data / _FOLDER).absolute(), datetime.now(UTC)
    named = list(dict.fromkeys((*(names or _own_names(config)), *_HERE)))
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        authority = _authority(place, now)
        pair = issue(authority, named, now, days)
    except AuthorityError as error:
        raise Failure(f"no certificate was made in {place}: {error}") from None
    _write(place, "server", pair)
    record: dict[str, object] = {
        "names": named,
        "certificate": str(place / "server.crt"),
        "key": str(place / "server.key"),
        "authority": str(place / "ca.crt"),
        "expires": pair.expires.isoformat(),
        "authority_expires": authority.expires.isoformat(),
    }
    return Done(record, _told(place, named, _address(config, named[0]), pair, authority))


def _own_names(config: Config) -> Iterable[str]:
    public = urlsplit(config.public_url or "").hostname
    return (public,) if public else (socket.getfqdn(), socket.gethostname())


def _address(config: Config, name: str) -> str:
    """The registry's part of an image name."""
    public = urlsplit(config.public_url or "")
    if public.hostname == name:
        return public.netloc
    host = f"[{name}]" if ":" in name else name
    return host if config.port == 443 else f"{host}:{config.port}"


def _authority(place: Path, now: datetime) -> Pair:
    """The authority in the folder, made where there is none."""
    certificate, key = place / "ca.crt", place / "ca.key"
    if certificate.exists() or key.exists():
        return Pair(certificate.read_bytes(), key.read_bytes())
    made = make_authority(now)
    _write(place, "ca", made)
    return made


def _write(place: Path, name: str, pair: Pair) -> None:
    for suffix, content, mode in ((".key", pair.key, 0o600), (".crt", pair.certificate, 0o644)):
        fresh = place / f"{name}{suffix}.new"
        fresh.unlink(missing_ok=True)
        with open(fresh, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:  # noqa: B023
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place / f"{name}{suffix}")


def _told(place: Path, names: Iterable[str], address: str, pair: Pair, authority: Pair) -> str:
    ca = place / "ca.crt"
    return f"""\
The certificate is good for {", ".join(names)}
until {pair.expires:%Y-%m-%d}, its authority until {authority.expires:%Y-%m-%d}. Serve with it:

  cove serve --host 0.0.0.0 --tls-cert {place / "server.crt"} --tls-key {place / "server.key"}

Clients trust it that have {ca}. Keep ca.key to yourself.

Docker, which need not be restarted:

  mkdir -p /etc/docker/certs.d/{address}
  cp {ca} /etc/docker/certs.d/{address}/ca.crt

Podman, Buildah and Skopeo:

  mkdir -p /etc/containers/certs.d/{address}
  cp {ca} /etc/containers/certs.d/{address}/ca.crt

containerd, in /etc/containerd/certs.d/{address}/hosts.toml:

  server = "https://{address}"
  [host."https://{address}"]
  capabilities = ["pull", "resolve", "push"]
  ca = "{ca}"

curl, and whatever trusts what Debian trusts:

  curl --cacert {ca} https://{address}/v2/
  cp {ca} /usr/local/share/ca-certificates/cove.crt && update-ca-certificates"""
