"""Dropping old audit records, as a run of background work."""

from registry.core.audit import Audit
from registry.core.executions import Run


def purge(audit: Audit, run: Run) -> None:
    """Drop what the run's parameters say, or only count it. Raises `Interrupted`."""
    parameters = run.parameters
    hours, events = int(parameters["audit_retention_hour"]), _events(str(parameters["include_event_types"]))
    if parameters["dry_run"]:
        run.log(f"{audit.count_older(hours, events)} records would be dropped")
        return

    def reached(_gone: int) -> None:
        run.must_go_on()

    run.log(f"dropped {audit.purge(hours, events, reached)} records")


def _events(text: str) -> list[str]:
    return [event.strip() for event in text.split(",") if event.strip()]
