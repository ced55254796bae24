"""The background work that people begin or schedule, put together."""

import platform
from functools import partial
from urllib.parse import urlsplit

from registry.config import Config
from registry.core.audit import Audit
from registry.core.cleaning import Rules
from registry.core.executions import GARBAGE_COLLECTION, PURGE_AUDIT_LOG, RETENTION, SLACK, WEBHOOK
from registry.core.retention import plan
from registry.core.schedules import Schedules
from registry.jobs.cleaning import CleanUps
from registry.jobs.deliveries import LANES, Deliveries
from registry.jobs.purges import purge
from registry.jobs.retention import Retaining
from registry.jobs.schedules import LOOK_SECONDS, Worker
from registry.jobs.timer import Job
from registry.metrics import Metrics
from registry.outgoing import Reach
from registry.parts import Parts


def workers(parts: Parts, rules: Rules, metrics: Metrics) -> list[Job]:
    """What begins the work that is due, and what does it. `rules` are those of cleaning up."""
    database = parts.database
    long = Worker(
        database,
        {
            GARBAGE_COLLECTION: CleanUps(database, parts.store, rules, metrics.count_cleaned).run,
            PURGE_AUDIT_LOG: partial(purge, Audit(database, parts.access)),
            RETENTION: Retaining(database).run,
        },
    )
    deliveries = Deliveries(database, _host(parts.config), Reach(parts.config.webhook_allowed_networks))
    lanes = [Worker(database, dict.fromkeys((WEBHOOK, SLACK), deliveries.deliver)) for _ in range(LANES)]
    return [
        Job(Schedules(database, {RETENTION: plan}).begin_due, LOOK_SECONDS),
        *(Job(worker.run, LOOK_SECONDS, worker.stop) for worker in (long, *lanes)),
    ]


def _host(config: Config) -> str:
    """The registry's as clients know it; where nobody has said that, this machine's."""
    if config.public_url:
        return urlsplit(config.public_url).netloc
    is_any = config.host in ("", "0.0.0.0", "::")  # noqa: S104
    return f"{platform.node() if is_any else config.host}:{config.port}"
