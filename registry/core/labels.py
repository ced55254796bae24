"""Labels that people give to artifacts: those of the system to any, those of a project to its own."""

from collections.abc import Callable
from dataclasses import dataclass

from auth.access import Actor
from registry.core import audit, manifests
from registry.core.filters import filtered
from registry.core.repositories import Repository
from registry.errors import BadQuery, Conflict, NotFound
from registry.oci.names import Reference
from storage.clock import now_ms
from storage.metadata import labels
from storage.metadata.database import Database, Transaction
from storage.metadata.labels import LabelRecord
from storage.metadata.listings import Listing

_NAME_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Look:
    """How a label shows. The colour is a text, by custom `#RRGGBB`."""

    name: str
    description: str = ""
    color: str = ""


class Labels:
    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def page(self, project_id: int | None, listing: Listing) -> tuple[list[LabelRecord], int]:
        """A page of the labels of a project, or of the system, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            return labels.list_page(tx, project_id, listing)

    def usable(self, project_id: int) -> list[LabelRecord]:
        """Those that artifacts of a project can have: its own, and those of the system."""
        with self._database.read() as tx:
            pages = [labels.list_page(tx, owner, Listing(size=0)) for owner in (project_id, None)]
        return [label for found, _ in pages for label in found]

    def get(self, label_id: int) -> LabelRecord:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return _must_exist(tx, label_id)

    def create(self, actor: Actor, look: Look, project_id: int | None) -> LabelRecord:
        """Make a label of a project, or of the system. Raises `BadQuery`, `Conflict`."""
        with self._database.write() as tx:
            _must_be_free(tx, look.name, project_id)
            now = self._clock()
            values = {"project_id": project_id, "created_at": now, "updated_at": now, **_values(look)}
            made = labels.add(tx, values)
            _record(tx, actor, "create", made)
            return made

    def change(self, actor: Actor, label_id: int, look: Look) -> None:
        """Raises `NotFound`, `BadQuery`, `Conflict`."""
        with self._database.write() as tx:
            label = _must_exist(tx, label_id)
            if look.name != label.name:
                _must_be_free(tx, look.name, label.project_id)
            labels.change(tx, label.id, updated_at=self._clock(), **_values(look))
            _record(tx, actor, "update", label)

    def delete(self, actor: Actor, label_id: int) -> None:
        """Remove a label, from artifacts too. Raises `NotFound`."""
        with self._database.write() as tx:
            label = _must_exist(tx, label_id)
            labels.remove(tx, label.id)
            _record(tx, actor, "delete", label)

    def attach(self, actor: Actor, repository: Repository, reference: Reference, label_id: int) -> None:
        """Give an artifact a label. Raises `NameUnknown`, `ManifestUnknown`, `NotFound`, and `Conflict` for one that it
        has.
        """
        artifact = repository.name.at(str(reference))
        with self._database.write() as tx:
            manifest = manifests.must_exist(tx, repository, reference)
            label = _must_exist(tx, label_id)
            if label.project_id not in (None, repository.project.id):
                raise NotFound(f"label {label_id} not found")
            if not labels.attach(tx, manifest.id, label.id):
                raise Conflict(f"label {label_id} is already added to the artifact {artifact}")
            _record_on(tx, actor, "create", repository, f"{artifact} {label.name}")

    def detach(self, actor: Actor, repository: Repository, reference: Reference, label_id: int) -> None:
        """Take a label from an artifact. Raises `NameUnknown`, `ManifestUnknown`, `NotFound`."""
        artifact = repository.name.at(str(reference))
        with self._database.write() as tx:
            manifest = manifests.must_exist(tx, repository, reference)
            label = _must_exist(tx, label_id)
            if not labels.detach(tx, manifest.id, label.id):
                raise NotFound(f"the artifact {artifact} has no label {label_id}")
            _record_on(tx, actor, "delete", repository, f"{artifact} {label.name}")


def _must_exist(tx: Transaction, label_id: int) -> LabelRecord:
    label = labels.find(tx, label_id)
    if label is None:
        raise NotFound(f"label {label_id} not found")
    return label


def _must_be_free(tx: Transaction, name: str, project_id: int | None) -> None:
    if not 1 <= len(name) <= _NAME_LIMIT or not name.isprintable():
        raise BadQuery(f"bad request: the name of a label has 1 to {_NAME_LIMIT} printable characters")
    if labels.find_by_name(tx, project_id, name):
        raise Conflict(f"label {name} already exists")


def _values(look: Look) -> dict[str, str]:
    return {"name": look.name, "description": look.description, "color": look.color}


def _record(tx: Transaction, actor: Actor, operation: str, label: LabelRecord) -> None:
    audit.record(
        tx, actor, operation=operation, resource_type="label", resource=label.name, project_id=label.project_id
    )


def _record_on(tx: Transaction, actor: Actor, operation: str, repository: Repository, what: str) -> None:
    project_id = repository.project.id
    audit.record(tx, actor, operation=operation, resource_type="artifact_label", resource=what, project_id=project_id)
