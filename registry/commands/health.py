"""`cove health`: whether the server with these settings serves, for a container engine to ask."""

import http.client
import ssl
from contextlib import closing

import click

from registry.commands.options import setting_option
from registry.commands.outcomes import Done, Record, on_config
from registry.config import Config

_SECONDS = 4
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- turned into an address that can be asked


@click.command("health")
@setting_option("port")
@on_config
def command(config: Config) -> Done:
    """Ask the server of this machine whether it is ready.

    The exit status is 1 where it does not answer, or its database or storage does not.
    """
    status, problem = _ask(config)
    record: Record = {"ready": status == 200, "status": status, "problem": problem}
    if status == 200:
        return Done(record, "The server is ready.")
    return Done(record, f"The server is not ready: {problem or f'it answers {status}; its log says why'}.", status=1)


def _ask(config: Config) -> tuple[int | None, str | None]:
    """The status of the answer, or why there is none."""
    try:
        with closing(_connection(config)) as connection:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            return connection.getresponse().status, None
    except (OSError, http.client.HTTPException) as error:
        return None, str(error) or type(error).__name__


def _connection(config: Config) -> http.client.HTTPConnection:
    host = _WILDCARDS.get(config.host, config.host.strip("[]"))
    if config.tls is None:
        return http.client.HTTPConnection(host, config.port, timeout=_SECONDS)
    # The name in the certificate is that of clients elsewhere, and whether it is good is theirs to judge.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, config.port, timeout=_SECONDS, context=context)
