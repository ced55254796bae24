"""The background work that people begin or schedule, put together."""

import platform
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from registry.config import Config
from registry.core.audit import Audit
from registry.core.executions import GARBAGE_COLLECTION, PURGE_AUDIT_LOG, RETENTION, SLACK, WEBHOOK
from registry.core.retention import announce_end, plan
from registry.core.schedules import Schedules
from registry.jobs.cleaning import CleanUps
from registry.jobs.deliveries import LANES, Deliveries
from registry.jobs.forwarding import Forwarding
from registry.jobs.purges import purge
from registry.jobs.retention import Retaining
from registry.jobs.schedules import LOOK_SECONDS, Worker
from registry.jobs.timer import Job
from registry.metrics import Metrics
from registry.outgoing import Reach, Sender
from registry.parts import Parts
from storage.metadata.database import Database


def workers(parts: Parts, metrics: Metrics) -> list[Job]:
    """What begins the work that is due, and what does it."""
    database = parts.database
    clean_ups = CleanUps(database, parts.store, parts.cleanliness, metrics.count_cleaned)
    return [
        Job(Schedules(database, {RETENTION: plan}).begin_due, LOOK_SECONDS),
        _job(Worker(database, {GARBAGE_COLLECTION: clean_ups.run})),
        _job(Worker(database, {PURGE_AUDIT_LOG: partial(purge, Audit(database, parts.access))})),
        _job(Worker(database, {RETENTION: Retaining(database).run}, ended=announce_end)),
        *_deliveries(database, parts.config),
        _forwarding(parts, metrics),
    ]


def _job(worker: Worker) -> Job:
    return Job(worker.run, LOOK_SECONDS, worker.stop)


def _forwarding(parts: Parts, metrics: Metrics) -> Job:
    reach = Reach(parts.config.webhook_allowed_networks, "webhook_allowed_networks")
    count, fail = metrics.count_forwarded, metrics.count_unforwarded
    forwarding = Forwarding(parts.database, reach, count=count, fail=fail)
    return Job(forwarding.run, LOOK_SECONDS, forwarding.stop)


def _deliveries(database: Database, config: Config) -> Iterator[Job]:
    for _ in range(LANES):
        sender = Sender(Reach(config.webhook_allowed_networks))
        deliver = Deliveries(database, _host(config), sender).deliver
        worker = Worker(database, {WEBHOOK: deliver, SLACK: deliver})
        yield Job(worker.run, LOOK_SECONDS, partial(_stop, worker, sender))


def _stop(worker: Worker, sender: Sender) -> None:
    worker.stop()
    sender.stop()


def _host(config: Config) -> str:
    """The registry's as clients know it; where nobody has said that, this machine's."""
    if config.public_url:
        return urlsplit(config.public_url).netloc
    is_any = config.host in ("", "0.0.0.0", "::")  # noqa: S104
    return f"{platform.node() if is_any else config.host}:{config.port}"
