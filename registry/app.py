"""Everything is built here, once, in reading order, and handed on by constructor."""

import asyncio
import ctypes
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Lifespan

from auth import setup
from auth.access import Access
from auth.accounts import Accounts
from auth.passwords import PasswordChecker, generate_password, hash_password
from auth.tokens import SigningKey, TokenIssuer
from registry.api.reading import DocumentEndpoints
from registry.api.routing import ManagementRoutes
from registry.api.rules import management_rules
from registry.chosen import bounds, cleaning_rules, patience, upload_limits
from registry.config import Config
from registry.core.artifacts import Artifacts
from registry.core.blobs import Blobs
from registry.core.cleaning import Cleaning, renewal
from registry.core.files import Files
from registry.core.identity import must_be_ours
from registry.core.keys import Keys
from registry.core.layers import Layers
from registry.core.ldap import LdapSignIn
from registry.core.manifests import Manifests
from registry.core.natures import fill_in
from registry.core.oidc import OidcSignIn
from registry.core.outsiders import Outsiders
from registry.core.presence import must_be_here, serving
from registry.core.projects import Projects
from registry.core.pulls import Pulls
from registry.core.referrers import Referrers
from registry.core.repositories import Catalog
from registry.core.snapshots import Snapshots
from registry.core.spaces import Spaces
from registry.core.tags import Tags
from registry.core.tokens import Tokens
from registry.core.transfers import REPORT_SECONDS, Transfers
from registry.core.uploads import Uploads
from registry.core.vouching import Vouching
from registry.error_answers import Errors
from registry.errors import RequestInvalid
from registry.hot import HotPath
from registry.jobs.cleaning import Sweep, clean_if_due
from registry.jobs.scrub import Scrub
from registry.jobs.snapshots import LOOK_SECONDS, snapshot_if_due
from registry.jobs.timer import Job, repeat
from registry.logs import configure
from registry.management import management
from registry.metrics import Metrics, Surroundings, share_between_workers
from registry.observe import Observer
from registry.oci.names import DEFAULT_PROJECT
from registry.origins import Origin
from registry.pages import open_pages, screens
from registry.parts import Parts, sign_in_reach
from registry.passes import Passes
from registry.places import open_database, open_storage, places, storage_url
from registry.routes import Endpoints, rules
from registry.straight import Straight
from registry.threads import Threads, run
from registry.ui.rules import page_rules
from registry.v2.base import BaseEndpoints
from registry.v2.blobs import BlobEndpoints
from registry.v2.lists import ListEndpoints
from registry.v2.manifests import ManifestEndpoints
from registry.v2.tokens import TokenEndpoints
from registry.v2.uploads import UploadEndpoints
from registry.web import Door, Rule
from registry.work import workers
from storage.clock import now_ms
from storage.metadata import projects as project_rows
from storage.metadata import signing_keys, users
from storage.metadata.database import Database
from storage.metadata.sqlite_engines import is_safe_for_processes, sqlite_driver
from storage.spans import traced_store

if TYPE_CHECKING:
    from registry.traces import Traces

ADMINISTRATOR = "admin"
SWEEP_SECONDS = 60 * 60
SCRUB_SECONDS = 60
PULLS_SECONDS = 10
SAMPLE_SECONDS = 10 * 60
LAYERS_SECONDS = 1
SPACE_SECONDS = 1
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
_ARENAS = 2
_STACK_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FirstStart:
    """The data was made just now. `admin_password` is the administrator's, where it was made up, and `setup_secret` is
    that of the link by which another is chosen.
    """

    admin_password: str | None
    setup_secret: str | None = None


def prepare(config: Config) -> FirstStart | None:
    """Make the data folder and the database, or bring them up to date; once, before any process serves.

    Raises `RequestInvalid` for what cannot work with this configuration, and `Conflict` for places that the registry
    has left, or is about to leave, and for a storage that is not its own.
    """
    _must_be_safe(config)
    if config.uses_data:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    must_be_here(config.data, places(config))
    if config.workers > 1:
        share_between_workers(config.data / "metrics")
    with serving(config.data), closing(open_database(config)) as database:
        must_be_ours(database, open_storage(config), storage_url(config))
        fill_in(database)
        return _first_start(database, config)


def _must_be_safe(config: Config) -> None:
    version = sqlite_driver().sqlite_version_info
    if config.workers > 1 and not config.postgres_url and not is_safe_for_processes(version):
        raise RequestInvalid(
            f"SQLite {sqlite_driver().sqlite_version} can lose data when several processes write: use one worker"
        )
    if config.traces:
        _traces_kind()


def _traces_kind() -> "type[Traces]":
    try:
        from registry.traces import Traces  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError:
        raise RequestInvalid("traces take packages that are not installed: install cove-registry[otel]") from None
    return Traces


def _first_start(database: Database, config: Config) -> FirstStart | None:
    with database.read() as tx:
        if signing_keys.list_newest_first(tx):
            return None
    key, password = SigningKey.generate(), config.admin_password or generate_password()
    password_hash = None if config.ephemeral else hash_password(password)
    with database.write() as tx:
        if signing_keys.list_newest_first(tx):
            return None
        now = now_ms()
        signing_keys.add(tx, key.kid, key.private_pem, now)
        project_rows.add(tx, DEFAULT_PROJECT, is_public=True, now=now, quota=config.quota_bytes)
        if password_hash is None:
            return FirstStart(None if config.admin_password else password)
        user = users.add(tx, ADMINISTRATOR, password_hash, is_admin=True, now=now)
        return FirstStart(None) if config.admin_password else FirstStart(password, setup.offer(tx, user))


@dataclass(frozen=True, slots=True)
class AppFactory:
    """Makes the application, in whichever process it is called; so it can be sent to one."""

    config: Config

    def __call__(self) -> ASGIApp:
        configure(self.config.log_format, self.config.log_level)
        _be_frugal_with_memory()
        return create(self.config)


def _be_frugal_with_memory() -> None:
    """Have large blocks returned to the system: glibc learns to keep them, such as the 19 MiB of each password hash.

    Those of uploads count too: every thread that had them in turn would keep some. And 130 threads take little of the
    address space, which some set-ups bound: by itself glibc gives each of the first dozen an arena of 64 MiB, and all
    of them a stack of 8 MiB. With 600 MiB 24 clients that pushed brought the server down.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(_M_ARENA_MAX, _ARENAS)
    threading.stack_size(_STACK_BYTES)


def _parts(config: Config, traces: "Traces | None") -> Parts:
    database, store, access = open_database(config), open_storage(config), Access(is_open=config.ephemeral)
    if traces:
        database, store = database.traced(traces.within), traced_store(store, traces.within)
    keys = Keys(database, token_seconds=config.token_seconds, refreshable=config.identity_tokens)
    issuer = TokenIssuer(keys.current(), reload=keys.current, generation=_generation(database))
    outsiders, resolve = Outsiders(database), sign_in_reach(config).resolve
    ldap, oidc = LdapSignIn(database, outsiders, resolve), OidcSignIn(database, issuer, outsiders, resolve)
    accounts = Accounts(
        database,
        PasswordChecker(),
        issuer,
        patience=patience(config),
        directory=ldap,
        voucher=Vouching(database, ldap, oidc),
    )
    blobs = Blobs(database, store, access)
    layers = Layers(database, blobs)
    return Parts(
        config,
        database,
        store,
        _blob_folder(config),
        Origin(config.public_url, config.trusted_proxies),
        access,
        issuer,
        ldap,
        oidc,
        accounts,
        Projects(database, store, quota=config.quota_bytes, access=access),
        Pulls(database),
        Transfers(database),
        cleaning_rules(config),
        layers,
        Files(database, Artifacts(database, blobs), layers),
        Spaces(database, cleaning_rules(config)),
    )


def create(config: Config) -> ASGIApp:
    """The ASGI application over data that `prepare` has seen."""
    traces = _traces_kind()(version("cove-registry")) if config.traces else None
    parts, threads = _parts(config, traces), Threads.carrying() if traces else Threads()
    pages = open_pages(parts)
    metrics = Metrics(parts.database, _surroundings(config))
    passes = Passes(_generation(parts.database))
    door = Door(parts.callers, parts.browsers, parts.gate, parts.origin, passes=passes, threads=threads)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        with serving(config.data):
            jobs = _jobs(parts, metrics)
            repeated = [asyncio.create_task(repeat(job.work, job.seconds, threads.general)) for job in jobs]
            yield
            for task, job in zip(repeated, jobs, strict=True):
                task.cancel()
                job.stop()
            await observer.rest()
            with closing(parts.database), closing(threads):
                await run(threads.general, parts.pulls.flush)
                if traces:
                    await run(threads.general, traces.close)

    table: list[Rule] = []  # the document of the API tells of all of it
    table += rules(_endpoints(parts, threads, metrics))
    table += management_rules(management(parts, DocumentEndpoints(table)))
    routes = [
        *(door.route(rule) for rule in table if not rule.is_managing),
        ManagementRoutes(door, [rule for rule in table if rule.is_managing]),
        *(door.route(rule) for rule in page_rules(screens(parts, pages))),
    ]
    errors = Errors(parts.origin, pages.fail)
    own = [rule for rule in table if not rule.is_managing]
    observer = Observer(Straight(door, own, errors, _starlette(routes, errors, lifespan)), metrics, parts.pulls, traces)
    return _with_hot_path(observer, parts.database)


def _generation(database: Database) -> Callable[[], int | None]:
    watch = database.watch()
    return watch.generation if watch else lambda: None


def _with_hot_path(observer: Observer, database: Database) -> ASGIApp:
    watch = database.watch()
    return HotPath(observer, watch.generation) if watch else observer


def _starlette(routes: list[BaseRoute], errors: Errors, lifespan: Lifespan[Starlette]) -> Starlette:
    app = Starlette(routes=routes, exception_handlers=errors.handlers(), lifespan=lifespan)
    app.router.redirect_slashes = False
    return app


def _endpoints(parts: Parts, threads: Threads, metrics: Metrics) -> Endpoints:
    """The registry's own addresses."""
    config, database, store, access = parts.config, parts.database, parts.store, parts.access
    blobs = Blobs(database, store, access, renewal_ms=renewal(config.gc_grace_seconds * 1000))
    uploads = Uploads(database, store, blobs, expiry_seconds=config.upload_expiry_seconds, limits=upload_limits(config))
    manifests = Manifests(database, sparse=config.sparse_manifests, bounds=bounds(config))
    lifetime, refreshable = config.token_seconds, config.identity_tokens
    tokens = Tokens(database, access, parts.issuer, lifetime=lifetime, refreshable=refreshable)
    return Endpoints(
        base=BaseEndpoints(database, store, metrics),
        tokens=TokenEndpoints(parts.accounts, tokens, parts.origin, threads),
        blobs=BlobEndpoints(
            blobs, threads, parts.transfers, redirect_seconds=config.s3_redirect_seconds if config.s3_redirect else 0
        ),
        uploads=UploadEndpoints(uploads, blobs, threads, parts.transfers, chunk_min=config.chunk_min_bytes),
        manifests=ManifestEndpoints(manifests, parts.pulls, threads, limit=config.manifest_limit_bytes),
        lists=ListEndpoints(Tags(database), Referrers(database), Catalog(database, access)),
    )


def _surroundings(config: Config) -> Surroundings:
    folders = dict.fromkeys(filter(None, (config.data if config.uses_data else None, _blob_folder(config))))
    return Surroundings(version("cove-registry"), tuple(folders), config.tls_cert)


def _blob_folder(config: Config) -> Path | None:
    """Where the blobs are on a disk; None for a service."""
    url = urlsplit(storage_url(config))
    return Path(unquote(url.path)) if url.scheme == "file" else None


def _jobs(parts: Parts, metrics: Metrics) -> list[Job]:
    """Background work; what has no interval is not done."""
    config, database, store = parts.config, parts.database, parts.store
    cleaning = Cleaning(database, store, parts.cleanliness)
    sweep = Sweep(database, store, expiry_seconds=config.upload_expiry_seconds)
    scrub = Scrub(database, store, bytes_per_second=config.scrub_bytes_per_second, count=metrics.count_scrubbed)
    data = config.data if config.uses_data else None
    snapshots = Snapshots(database, store, data, seconds=config.snapshot_seconds, count=config.snapshot_count)
    jobs = [
        Job(
            partial(clean_if_due, database, cleaning, parts.cleanliness, metrics.count_cleaned),
            config.gc_seconds,
            cleaning.stop,
        ),
        Job(sweep.run, SWEEP_SECONDS),
        Job(parts.pulls.flush, PULLS_SECONDS),
        Job(parts.transfers.report, REPORT_SECONDS),
        Job(parts.days.sample, SAMPLE_SECONDS),
        Job(parts.layers.read_waiting, LAYERS_SECONDS, parts.layers.stop),
        Job(parts.spaces.count_if_wanted, SPACE_SECONDS, parts.spaces.stop),
        Job(scrub.run, SCRUB_SECONDS if config.scrub_bytes_per_second else 0, scrub.stop),
        Job(partial(snapshot_if_due, snapshots), min(LOOK_SECONDS, config.snapshot_seconds), snapshots.stop),
        *workers(parts, metrics),
    ]
    return [job for job in jobs if job.seconds]
