"""The background work that people begin or schedule, put together."""

from functools import partial

from registry.core.audit import Audit
from registry.core.cleaning import Rules
from registry.core.executions import GARBAGE_COLLECTION, PURGE_AUDIT_LOG, RETENTION
from registry.core.retention import plan
from registry.core.schedules import Schedules
from registry.jobs.cleaning import CleanUps
from registry.jobs.purges import purge
from registry.jobs.retention import Retaining
from registry.jobs.schedules import LOOK_SECONDS, Worker
from registry.jobs.timer import Job
from registry.metrics import Metrics
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
    return [
        Job(Schedules(database, {RETENTION: plan}).begin_due, LOOK_SECONDS),
        Job(long.run, LOOK_SECONDS, long.stop),
    ]
