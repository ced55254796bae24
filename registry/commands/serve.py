"""`cove serve`: from the settings to a server that runs until it is told to stop."""

import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from auth.passwords import WeakPassword, check_possible, is_weak
from registry import certificates
from registry.app import AppFactory, FirstStart, prepare
from registry.banner import Listening, first_start, ready_line
from registry.commands.failures import Failure
from registry.commands.options import config_option, setting_option
from registry.config import Config, ConfigError, load, service_manager
from registry.guard import Limits
from registry.logs import configure
from registry.places import open_storage
from registry.server import ServerError, bind, serve, within_files
from registry.systemd import handed_listener, tell
from storage.blobs import BlobStoreError
from storage.metadata.database import DatabaseError


@click.command("serve")
@setting_option("host")
@setting_option("port")
@setting_option("data")
@setting_option("ephemeral")
@setting_option("workers")
@setting_option("tls_cert")
@setting_option("tls_key")
@setting_option("log_format")
@config_option
def command(**options: object) -> None:
    """Run the registry.

    Every setting is also read from the environment, as COVE_ and its name in upper case, and from the TOML file.
    """
    config = load(options)
    configure(config.log_format, config.log_level)
    # Before the server watches for SIGTERM itself, an exit rather than the sudden end lets the temporary folder go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _place(config) as placed:
        status = _run(placed)
    sys.exit(status)


@contextmanager
def _place(config: Config) -> Iterator[Config]:
    if not config.ephemeral:
        yield config
        return
    with TemporaryDirectory(prefix="cove-") as folder:
        yield replace(config, data=Path(folder))


def _run(config: Config) -> int:
    try:
        # What can stand in the way comes before the first start, which makes a password and shows it only once.
        _must_be_usable(config)
        limits = within_files(_limits(config))
        manager = service_manager()
        with handed_listener(manager) or bind(config.host, config.port) as listener:
            host, port = listener.getsockname()[:2]
            place = replace(config, host=host) if manager.sockets else config
            listening = _listening(place, port)
            _welcome(config, listening, prepare(config))

            def ready() -> None:
                click.echo(ready_line(listening))
                sys.stdout.flush()
                tell(manager, "READY=1")

            return serve(
                AppFactory(config),  # type: ignore[arg-type]  # two libraries spell the same ASGI type differently
                listener,
                workers=config.workers,
                grace=config.grace_seconds,
                tls=config.tls,
                limits=limits,
                ready=ready,
            )
    except (BlobStoreError, DatabaseError, ServerError) as error:
        raise Failure(str(error)) from error


def _limits(config: Config) -> Limits:
    return Limits(
        head_seconds=config.header_seconds,
        head_bytes=config.header_limit_bytes,
        head_lines=config.header_limit_fields,
        target_bytes=config.url_limit_bytes,
        idle_seconds=config.idle_seconds,
        body_rate=config.body_min_bytes_per_second,
        body_seconds=config.body_seconds,
        answer_seconds=config.answer_seconds,
        connections=config.connection_limit,
    )


def _must_be_usable(config: Config) -> None:
    try:
        if config.admin_password is not None:
            check_possible(config.admin_password)
        if config.tls:
            certificates.load(*config.tls)
    except WeakPassword as error:
        raise ConfigError(f"admin_password cannot be used: {error}") from None
    except ssl.SSLError as error:
        raise ConfigError(f"tls_cert and tls_key cannot be used: {error}") from None
    open_storage(config)


def _listening(config: Config, port: int) -> Listening:
    return Listening(config.host, port, config.tls is not None, _machine(), config.public_url)


def _welcome(config: Config, listening: Listening, first: FirstStart | None) -> None:
    if first is None or config.ephemeral:
        return
    weak = config.admin_password is not None and is_weak(config.admin_password)
    made = config.data.absolute() if config.uses_data else None
    secret = first.setup_secret
    click.echo(first_start(listening, made, first.admin_password, weak=weak, setup_secret=secret))
    sys.stdout.flush()


def _machine() -> str:
    """The address of this machine in its network: of the interface that leads to others. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address for documentation, outside of any real network
            address: str = probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
        return address
