"""Settings: what there is to choose, and the one place that reads the environment.

A setting comes from the first of these that names it: the command line, a `COVE_` environment variable, the TOML file
(`--config` or COVE_CONFIG), the default. The fields of `Config` are the whole table: the command line takes its help
from it, and a test holds docs/settings.md to it.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, get_args, get_type_hints

from registry import values
from registry.oci.bounds import ANNOTATION_BYTES, ANNOTATIONS, DEPTH, DESCRIPTORS
from storage.s3_options import BUFFER_BYTES, PART_BYTES, TIMEOUT_SECONDS, Addressing

PREFIX = "COVE_"
MANIFEST_FLOOR = 4 * 1024 * 1024  # distribution spec, "Pushing Manifests": a registry should take manifests of 4 MiB


class ConfigError(Exception):
    """A setting is unknown or wrong; the message is one sentence that names where it was read."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a setting is read, ending in ValueError with what it "must be"; and its one line of help."""

    read: Callable[[object], object]
    help: str


LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
SparseManifests = Literal["none", "indexes", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, checked. None means that it is not set, and its help says what happens then.

    What is left out of the repr is a secret, and no error shows it either.
    """

    host: Annotated[str, Rule(values.host, "Address to listen on; 0.0.0.0 or :: for every interface.")] = "127.0.0.1"
    port: Annotated[int, Rule(values.whole(0, 65535), "Port to listen on; 0 picks a free one.")] = 5000
    data: Annotated[Path, Rule(values.path, "Folder of the registry's data.")] = Path("cove-data")
    ephemeral: Annotated[
        bool, Rule(values.flag, "Serve anybody, without accounts, from a temporary folder that is removed at the end.")
    ] = False
    workers: Annotated[int, Rule(values.whole(1, 256), "Number of processes that serve.")] = 1
    tls_cert: Annotated[
        Path | None, Rule(values.file, "Certificate chain for HTTPS, a PEM file; goes with tls_key.")
    ] = None
    tls_key: Annotated[
        Path | None, Rule(values.file, "Private key of the certificate, a PEM file; goes with tls_cert.")
    ] = None
    database_url: Annotated[
        str | None,
        Rule(
            values.database_url, "Where records are kept, postgresql://user:password@host/name; unset: the data folder."
        ),
    ] = field(default=None, repr=False)
    storage_url: Annotated[
        str | None,
        Rule(values.store_url, "Where blobs are kept, file:///folder or s3://bucket/prefix; unset: the data folder."),
    ] = field(default=None, repr=False)
    public_url: Annotated[
        str | None,
        Rule(values.origin, "How clients reach the registry, https://host:port; unset: as each request says."),
    ] = None
    admin_password: Annotated[
        str | None,
        Rule(values.text, "Password of the administrator, read at the first start only; unset: one is made up."),
    ] = field(default=None, repr=False)
    trusted_proxies: Annotated[
        tuple[values.Network, ...],
        Rule(values.networks, "Addresses or networks, separated by commas, whose X-Forwarded headers are believed."),
    ] = ()
    webhook_allowed_networks: Annotated[
        tuple[values.Network, ...],
        Rule(values.networks, "Addresses or networks beside the internet that webhooks and records may be sent to."),
    ] = ()
    sign_in_allowed_networks: Annotated[
        tuple[values.Network, ...],
        Rule(values.networks, "Addresses or networks beside the internet where a provider or directory may be."),
    ] = ()
    grace_seconds: Annotated[
        int, Rule(values.whole(0, 86_400), "Seconds that running transfers get to finish when the server stops.")
    ] = 30
    connection_limit: Annotated[
        int, Rule(values.whole(1, 1_000_000), "Connections that a process serves at a time; idle ones make room first.")
    ] = 4096
    header_seconds: Annotated[
        int, Rule(values.whole(1, 3600), "Seconds in which the head of a request has to arrive.")
    ] = 10
    idle_seconds: Annotated[
        int, Rule(values.whole(1, 86_400), "Seconds that a connection stays open between two requests.")
    ] = 75
    body_seconds: Annotated[
        int, Rule(values.whole(1, 3600), "Seconds over which the rate of a request's body is taken.")
    ] = 30
    body_min_bytes_per_second: Annotated[
        int, Rule(values.whole(0), "Least rate at which the body of a request has to arrive; 0 lets it stand still.")
    ] = 1024
    answer_seconds: Annotated[
        int, Rule(values.whole(1, 86_400), "Seconds after which a client that takes nothing of its answer is cut off.")
    ] = 60
    header_limit_bytes: Annotated[
        int, Rule(values.whole(8192, 1_048_576), "Largest head of a request, in bytes; at least 8192.")
    ] = 65_536
    header_limit_fields: Annotated[int, Rule(values.whole(16, 10_000), "Header fields of a request at most.")] = 200
    url_limit_bytes: Annotated[int, Rule(values.whole(1024, 65_536), "Longest URL of a request, in bytes.")] = 8192
    log_format: Annotated[LogFormat, Rule(values.one_of(get_args(LogFormat)), "Form of the log: text or json.")] = (
        "text"
    )
    log_level: Annotated[
        LogLevel, Rule(values.one_of(get_args(LogLevel)), "Least level that is logged: debug, info, warning or error.")
    ] = "info"
    traces: Annotated[
        bool, Rule(values.flag, "Send traces of requests by OpenTelemetry, to where the OTEL_ variables say.")
    ] = False
    manifest_limit_bytes: Annotated[
        int, Rule(values.whole(MANIFEST_FLOOR), "Largest manifest that is taken, in bytes; at least 4194304.")
    ] = 4_393_216
    manifest_depth_limit: Annotated[
        int, Rule(values.whole(16, 256), "Levels of nesting in a manifest at most; from 16 to 256.")
    ] = DEPTH
    manifest_descriptor_limit: Annotated[
        int, Rule(values.whole(128, 16_384), "Layers, or manifests of an index, at most; from 128 to 16384.")
    ] = DESCRIPTORS
    annotation_limit: Annotated[
        int, Rule(values.whole(16, 100_000), "Annotations of a manifest, or of what it names, at most.")
    ] = ANNOTATIONS
    annotation_limit_bytes: Annotated[
        int, Rule(values.whole(4096), "Bytes of these annotations together, at most; at least 4096.")
    ] = ANNOTATION_BYTES
    sparse_manifests: Annotated[
        SparseManifests,
        Rule(
            values.one_of(get_args(SparseManifests)),
            "Which manifests may name content that is not here: none, indexes (their manifests), all (blobs too).",
        ),
    ] = "indexes"
    token_seconds: Annotated[
        int | None,
        Rule(
            values.whole(60),
            "Seconds that a token of the token service is good for; at least 60; unset: token_expiration, first 1800.",
        ),
    ] = None
    identity_tokens: Annotated[
        bool, Rule(values.flag, "Give clients that ask for one a refresh token to keep instead of the password.")
    ] = False
    login_limit: Annotated[
        int, Rule(values.whole(1), "Wrong passwords of an account from one address before the next has to wait.")
    ] = 10
    login_limit_address: Annotated[
        int, Rule(values.whole(1), "Wrong passwords from one address, for any account, before the next has to wait.")
    ] = 100
    login_window_seconds: Annotated[
        int, Rule(values.whole(1), "Seconds after which wrong passwords are forgotten.")
    ] = 900
    upload_expiry_seconds: Annotated[
        int, Rule(values.whole(1), "Seconds after which an upload that nobody continues is dropped.")
    ] = 86_400
    upload_limit_account: Annotated[int, Rule(values.whole(1), "Uploads that one account may have open at a time.")] = (
        1000
    )
    upload_limit_project: Annotated[
        int, Rule(values.whole(1), "Uploads that may be open in one project at a time.")
    ] = 4000
    blob_limit_bytes: Annotated[int, Rule(values.whole(0), "Largest blob that is taken, in bytes; 0 for any.")] = 0
    gc_seconds: Annotated[
        int,
        Rule(values.whole(0), "Seconds from one clean-up to the next, on one node at a time; 0 for none at all."),
    ] = 60
    gc_grace_seconds: Annotated[
        int, Rule(values.whole(0), "Seconds that a blob which no manifest needs stays after somebody asked for it.")
    ] = 3600
    untagged_seconds: Annotated[
        int, Rule(values.whole(0), "Seconds after which a manifest without a tag is deleted; 0 keeps them.")
    ] = 0
    keep_deleted_seconds: Annotated[
        int, Rule(values.whole(0), "Seconds in which what was deleted can be restored; it takes up space for so long.")
    ] = 604_800
    scrub_bytes_per_second: Annotated[
        int, Rule(values.whole(0), "Rate at which blobs are read again and again, to find damaged ones; 0 never.")
    ] = 1024 * 1024
    quota_bytes: Annotated[
        int | None, Rule(values.size, "Most bytes that a new project may have in use, such as 10GB; unset: no limit.")
    ] = None
    snapshot_seconds: Annotated[
        int, Rule(values.whole(0), "Seconds from one snapshot of the records in the storage to the next; 0 for none.")
    ] = 3600
    snapshot_count: Annotated[int, Rule(values.whole(1, 10_000), "Snapshots that are kept.")] = 48
    chunk_min_bytes: Annotated[
        int, Rule(values.whole(0), "Least size of a chunk, told to clients in OCI-Chunk-Min-Length; 0 tells none.")
    ] = 0
    s3_endpoint: Annotated[
        str | None, Rule(values.origin, "The S3 service, https://host:port; unset: that of AWS in the region.")
    ] = None
    s3_region: Annotated[
        str | None, Rule(values.text, "Region of the bucket; unset: what AWS programs use, or else us-east-1.")
    ] = None
    s3_addressing: Annotated[
        Addressing,
        Rule(values.one_of(get_args(Addressing)), "Where the bucket stands in an address: path, virtual (host), auto."),
    ] = "auto"
    s3_part_bytes: Annotated[
        int,
        Rule(
            values.whole(5_242_880, 5_368_709_120),
            "Size of the parts that blobs are sent in; a blob has 10000 at most.",
        ),
    ] = PART_BYTES
    s3_buffer_bytes: Annotated[
        int,
        Rule(values.whole(5_242_880), "Memory of a process for parts on their way to S3, over all uploads, in bytes."),
    ] = BUFFER_BYTES
    s3_storage_class: Annotated[
        str | None, Rule(values.text, "Storage class of new objects, such as STANDARD_IA; unset: the bucket's.")
    ] = None
    s3_encryption: Annotated[
        str | None,
        Rule(values.text, "Encryption of new objects by the service, AES256 or aws:kms; unset: the bucket's."),
    ] = None
    s3_timeout_seconds: Annotated[
        int, Rule(values.whole(1, 3600), "Seconds without a byte from S3 after which a request is tried again.")
    ] = TIMEOUT_SECONDS
    s3_redirect: Annotated[
        bool, Rule(values.flag, "Send clients to S3 for the content of blobs, by an address that is signed for each.")
    ] = False
    s3_redirect_seconds: Annotated[int, Rule(values.whole(1, 604_800), "Seconds that such an address is good for.")] = (
        60
    )
    s3_public_endpoint: Annotated[
        str | None,
        Rule(values.origin, "How clients that are sent to S3 reach it, https://host:port; unset: s3_endpoint."),
    ] = None

    @property
    def postgres_url(self) -> str | None:
        """Where PostgreSQL keeps the records, or None where a SQLite file does."""
        return self.database_url if self.database_url and not self.database_url.startswith("sqlite:") else None

    @property
    def database_path(self) -> Path:
        """The SQLite file, where it keeps the records."""
        url = self.database_url or ""
        return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else self.data / "cove.db"

    @property
    def uses_data(self) -> bool:
        """Whether anything is kept in the data folder; with records and blobs elsewhere, only workers need it."""
        return self.workers > 1 or not (self.database_url and self.storage_url)

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """Certificate and key, or None for plain HTTP."""
        return (self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else None


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: what there is to know of a field of `Config`."""

    name: str
    default: str
    secret: bool
    rule: Rule

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


def _settings() -> Iterator[Setting]:
    hints = get_type_hints(Config, include_extras=True)
    for row in fields(Config):
        default = "" if row.default in (None, ()) else str(row.default)
        default = default.lower() if isinstance(row.default, bool) else default
        yield Setting(row.name, default, not row.repr, hints[row.name].__metadata__[0])


SETTINGS = {setting.name: setting for setting in _settings()}

Given = tuple[str, Setting, object]  # how the user wrote it, what it sets, the value


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """What systemd, or a program like it, hands to a service: the number of sockets, and where to tell the state."""

    sockets: int = 0
    ear: str | None = None


def service_manager(environ: Mapping[str, str] = os.environ) -> ServiceManager:
    """What this process was given. Sockets whose variables were meant for another process are not its own."""
    handed = environ.get("LISTEN_FDS", "") if environ.get("LISTEN_PID") == str(os.getpid()) else ""
    return ServiceManager(int(handed) if handed.isdecimal() else 0, environ.get("NOTIFY_SOCKET") or None)


def load(cli: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this process. `cli` maps field names, and `config` for the file; None is not given.

    Raises `ConfigError`.
    """
    file = cli.get("config") or environ.get("COVE_CONFIG")
    given = [*(_from_file(Path(str(file))) if file else ()), *_from_environment(environ), *_from_command_line(cli)]
    config = Config(**{setting.name: _read(place, setting, value) for place, setting, value in given})  # type: ignore[arg-type]  # each field's reader returns its type
    if (config.tls_cert is None) != (config.tls_key is None):
        raise ConfigError("tls_cert and tls_key go together: set both, or neither")
    if config.s3_buffer_bytes < config.s3_part_bytes:
        raise ConfigError("s3_buffer_bytes must be at least s3_part_bytes: a part is sent from memory")
    _must_be_alone(config, cli)
    return config


def _must_be_alone(config: Config, cli: Mapping[str, object]) -> None:
    """`ephemeral` forgets everything at the end, so it must not hide a place that was chosen for keeping things."""
    if config.ephemeral and (config.database_url or config.storage_url or cli.get("data")):
        raise ConfigError("ephemeral uses a temporary folder: leave out --data, database_url and storage_url")


def _read(place: str, setting: Setting, value: object) -> object:
    try:
        return setting.rule.read(value)
    except ValueError as error:
        shown = "" if setting.secret else f", not {str(value)[:100]!r}"
        raise ConfigError(f"{place} {error}{shown}") from None


def _from_command_line(cli: Mapping[str, object]) -> Iterator[Given]:
    for name, value in cli.items():
        if name != "config" and value is not None:
            yield SETTINGS[name].option, SETTINGS[name], value


def _from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """An empty variable is not set, which is how compose files and unit files leave one out."""
    known = {setting.variable: setting for setting in SETTINGS.values()}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == "COVE_CONFIG" or _is_service_link(variable, value):
            continue
        if variable not in known:
            nearest = _nearest(variable, [*known, "COVE_CONFIG"])
            raise ConfigError(f"{variable} in the environment is not a setting{nearest}")
        if value:
            yield variable, known[variable], value


def _is_service_link(variable: str, value: str) -> bool:
    """Kubernetes gives every pod such variables for each service, so also for one named `cove`: COVE_PORT=tcp://..."""
    if re.fullmatch(
        r".*_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?", variable
    ):
        return True
    return variable.endswith("_PORT") and re.match(r"(tcp|udp|sctp)://", value) is not None


def _from_file(path: Path) -> Iterator[Given]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"the configuration file {path} is not TOML: {error}") from None
    for name, value in content.items():
        if name not in SETTINGS:
            raise ConfigError(f"{name} in {path} is not a setting{_nearest(name, SETTINGS)}")
        yield f"{name} in {path}", SETTINGS[name], value


def _nearest(name: str, known: Iterable[str]) -> str:
    for match in get_close_matches(name, list(known), n=1):
        return f"; did you mean {match}?"
    return ""
