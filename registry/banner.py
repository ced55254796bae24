"""What `cove serve` tells the person who started it: where it listens and, at the first start, how to push an image."""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server can be reached. `machine` is the name or address by which others know this machine."""

    host: str
    port: int
    tls: bool
    machine: str
    public_url: str | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{_authority(self._local_host, self.port)}"

    @property
    def address(self) -> str:
        """The registry's part of an image name, as it is written on this machine."""
        return self._public_authority or _authority(self._local_host, self.port)

    @property
    def page(self) -> str:
        """Where a browser finds the registry."""
        return self.public_url or self.url

    @property
    def insecure_address(self) -> str | None:
        """What other machines must be told to use without TLS; None when there is TLS, or nobody else can connect."""
        if self.tls or (self.public_url or "").startswith("https:") or (self._is_loopback and not self.public_url):
            return None
        return self._public_authority or _authority(self.machine if self._is_wildcard else self.host, self.port)

    @property
    def _public_authority(self) -> str:
        return (self.public_url or "").partition("://")[2]

    @property
    def _local_host(self) -> str:
        return "localhost" if self._is_wildcard else self.host

    @property
    def _is_wildcard(self) -> bool:
        return self.host in ("0.0.0.0", "::")  # noqa: S104 -- compared, not listened on

    @property
    def _is_loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def ready_line(listening: Listening) -> str:
    return f"Cove is ready at {listening.url}"


def first_start(
    listening: Listening,
    data: Path | None,
    password: str | None,
    *,
    weak: bool = False,
    setup_secret: str | None = None,
) -> str:
    """The welcome: shown once, because the password is. None says that the administrator's was given by a setting;
    `weak` that it is one that a user could not choose. `data` is the folder that was made, if one was; `setup_secret`
    is that of the link by which another password is chosen.
    """
    kept = f"{password}   (shown this once: keep it now)" if password else "as given in COVE_ADMIN_PASSWORD"
    if weak:
        kept += "; it is weak: change it by `cove user password admin`"
    made = f": {data} was made" if data else ""
    return f"""\
This is the first start{made}.

  Administrator   admin
  Password        {kept}
  Public project  library   (everybody may pull from it)
{_setup_note(listening, setup_secret)}
Push a first image:

  docker login {listening.address} -u admin
  docker tag hello-world {listening.address}/library/hello:1
  docker push {listening.address}/library/hello:1
{_insecure_note(listening)}"""


def _setup_note(listening: Listening, secret: str | None) -> str:
    if secret is None:
        return ""
    return f"""
Set up the registry: {listening.page}/ui/setup?token={secret}
There, once, a password of your own can be chosen, until the one above is used.
"""


def _insecure_note(listening: Listening) -> str:
    address = listening.insecure_address
    if address is None:
        return ""
    setting = json.dumps({"insecure-registries": [address]})
    return f"""
There is no TLS. Before Docker on another machine uses such a registry, its /etc/docker/daemon.json must
say so, with the name or address that this machine has there, and Docker must be restarted:

  {setting}
"""


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
