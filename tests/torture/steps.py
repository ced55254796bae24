"""Named steps of what a registry does, at which a server of these tests can be made to die, to fail or to wait.

The product has no such thing: the functions between which a step lies are wrapped in the process of the test's server,
whose entry is `tests.torture.faulty`. A step is armed by a file of its name in a folder, which says what happens, and
which is renamed to `<name>.met` by the one process and thread that meets it.
"""

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from registry.core import cleaning
from storage.blobs import StoreUnavailable
from storage.metadata.database import DatabaseUnavailable

Action = Literal["kill", "fail", "wait"]


@dataclass(frozen=True)
class Step:
    """Before or after a function, as `module:name`; with `records`, what fails there is the database."""

    name: str
    function: str
    when: Literal["before", "after"] = "after"
    records: bool = True


UPLOADS = (
    Step("upload.staged", "storage.disk:DiskStore.stage", records=False),
    Step("upload.added", "storage.metadata.uploads:add"),
    Step("upload.begun", "registry.core.uploads:Uploads.start"),
    Step("chunk.durable", "storage.disk:DiskWriter.checkpoint", records=False),
    Step("chunk.counted", "storage.metadata.uploads:advance"),
    Step("chunk.saved", "registry.core.uploads:Uploads._advance"),
    Step("blob.whole", "storage.disk:DiskWriter.commit", "before", records=False),
    Step("blob.durable", "storage.disk:DiskWriter.commit", records=False),
    Step("blob.added", "storage.metadata.blobs:add"),
    Step("blob.linked", "storage.metadata.blobs:link"),
    Step("blob.committed", "registry.core.blobs:Blobs._insert"),
    Step("blob.superseded", "registry.core.blobs:Blobs.reclaim", "before"),
    Step("blob.mounted", "registry.core.blobs:Blobs.mount"),
    Step("upload.cancelled", "registry.core.uploads:Uploads.cancel"),
    Step("upload.unstaged", "storage.disk:DiskStore.discard", records=False),
)
MANIFESTS = (
    Step("manifest.added", "registry.core.manifests:store"),
    Step("tag.pointed", "storage.metadata.tags:point"),
    Step("manifest.committed", "registry.core.manifests:Manifests.push"),
    Step("tag.removed", "storage.metadata.tags:remove"),
    Step("manifest.buried", "storage.metadata.manifests:delete_softly"),
    Step("manifest.deleted", "registry.core.manifests:Manifests.delete"),
    Step("blob.unlinked", "storage.metadata.blobs:unlink"),
    Step("blob.deleted", "registry.core.blobs:Blobs.delete"),
)
CLEANING = (
    Step("clean-up.begun", "storage.metadata.clean_ups:begin"),
    Step("clean-up.manifest-removed", "storage.metadata.manifests:remove"),
    Step("clean-up.manifests-removed", "registry.core.cleaning:Cleaning._purge_manifests"),
    Step("clean-up.links-dropped", "storage.metadata.blobs:unlink_leased"),
    Step("clean-up.unlinked", "registry.core.cleaning:Cleaning._drop_links"),
    Step("clean-up.rows-removed", "storage.metadata.blobs:bury_unlinked"),
    Step("clean-up.buried", "registry.core.cleaning:Cleaning._bury_blobs"),
    Step("clean-up.objects-due", "storage.disk:DiskStore.delete_all", "before", records=False),
    Step("clean-up.objects-gone", "storage.disk:DiskStore.delete_all", records=False),
    Step("clean-up.tombstones-removed", "storage.metadata.tombstones:remove"),
    Step("clean-up.done", "registry.core.cleaning:Cleaning._delete_objects"),
    Step("clean-up.noted", "storage.metadata.clean_ups:note"),
)
STEPS = (*UPLOADS, *MANIFESTS, *CLEANING)
LEASE_MS = 500  # of the one cleaner, so that one that was killed is soon replaced


class Orders:
    """What is to happen at which steps, in files that the test and its servers share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arm(self, step: Step, action: Action) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{step.name}.met").unlink(missing_ok=True)
        draft = self.folder / f"{step.name}.draft"
        draft.write_text(action)
        draft.rename(self.folder / step.name)

    def is_met(self, step: Step) -> bool:
        return (self.folder / f"{step.name}.met").exists()

    def let_go(self, step: Step) -> None:
        """Let whoever waits at a step go on."""
        (self.folder / f"{step.name}.met").unlink()

    def obey(self, step: Step) -> None:
        order, met = self.folder / step.name, self.folder / f"{step.name}.met"
        if not order.exists():
            return
        with suppress(FileNotFoundError):  # another thread has met it
            action = order.read_text()
            order.rename(met)
            self._do(action, step, met)

    def _do(self, action: str, step: Step, met: Path) -> None:
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "fail":
            raise DatabaseUnavailable("as a test wants it") if step.records else StoreUnavailable("as a test wants it")
        while met.exists():
            time.sleep(0.01)


def install(orders: Orders) -> None:
    """Wrap every function at which there is a step, in this process."""
    cleaning.LEASE_MS = LEASE_MS
    for step in STEPS:
        module, _, path = step.function.partition(":")
        owner = importlib.import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            owner = getattr(owner, each)
        setattr(owner, name, _wrapped(getattr(owner, name), step, orders))


def _wrapped(function: Callable[..., Any], step: Step, orders: Orders) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        if step.when == "before":
            orders.obey(step)
        result = function(*arguments, **named)
        if step.when == "after":
            orders.obey(step)
        return result

    return wrapper
