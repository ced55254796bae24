"""Snapshots of the records from time to time, on whichever node gets to it first."""

from registry.core.copiers import Stopped
from registry.core.snapshots import Snapshots, SnapshotUnderWay

LOOK_SECONDS = 60  # at most, from one look at the clock to the next: servers may be started more often than every hour


def snapshot_if_due(snapshots: Snapshots) -> str | None:
    """The name of a new snapshot; None where it is not time, nothing has changed, somebody else is at it, or the server
    is about to end.
    """
    try:
        return snapshots.take() if snapshots.is_due() else None
    except (SnapshotUnderWay, Stopped):
        return None
