"""How much projects may keep.

A blob counts once in a project, however many of its repositories have it; a manifest counts until it is purged, also
while it is deleted and can be restored. What a project has already costs nothing, even when it is beyond its quota.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from registry.core import events
from registry.errors import QuotaExceeded
from registry.values import size_text
from storage.metadata import usage
from storage.metadata.database import Transaction
from storage.metadata.projects import ProjectRecord

WARNING = 0.85
"""The part of its quota beyond which a project is nearly full."""


@contextmanager
def within(tx: Transaction, repository_id: int) -> Iterator[None]:
    """Let the block use up what is left of the quota of the repository's project.

    Raises `QuotaExceeded` at its end when it used more: the transaction must not be committed then.
    """
    before = usage.find(tx, repository_id)
    yield
    quota = before.quota  # nobody else writes meanwhile
    if quota is None:
        return
    now = usage.find(tx, repository_id)
    if now.used > max(before.used, quota):
        raise QuotaExceeded(now.project, used=before.used, limit=quota, asked=now.used - before.used)
    if before.used < quota * WARNING <= now.used:
        in_use = f"{size_text(now.used)} of {size_text(quota)} are in use"
        events.announce_nearly_full(tx, now.project, in_use)


def must_not_outgrow(project: ProjectRecord, size: int) -> None:
    """Raises `QuotaExceeded` for a blob of `size` bytes that can neither fit nor be in the project already.

    Known before all of it has come, and so the rest need not be read. Anything smaller is judged when it is committed:
    until then nobody knows whether the project has it.
    """
    limit, used = project.quota_bytes, project.used_bytes
    if limit is not None and size > max(limit, used):
        raise QuotaExceeded(project.name, used=used, limit=limit, asked=size, headers={"Connection": "close"})
