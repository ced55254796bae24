"""Following a retention policy in one repository."""

from collections.abc import Callable, Iterator, Sequence

from auth.access import Actor
from registry.core.artifact_changes import doomed, remove
from registry.core.executions import Run
from registry.core.repositories import Repository
from registry.core.retention import DELETED, DRY_RUN, FREED, REPOSITORY, Policy
from registry.core.retention_rules import Candidate, kept
from registry.errors import StillReferenced, TagImmutable
from registry.oci.names import RepositoryName
from storage.clock import now_ms
from storage.metadata import artifacts, projects, repositories, retention_policies, spaces
from storage.metadata.artifacts import ArtifactRecord, TagDates
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.projects import ProjectRecord

RETENTION_USER = Actor(display="retention")
_BATCH = 500
_COUNTED = 5000  # artifacts that would go whose blobs are looked at


class Retaining:
    """Does the tasks. What changed between the look and the deletion of it stays: the next run looks again."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def run(self, run: Run) -> None:
        """Of the repository that the task names keep what the rules keep, and delete the rest, unless it is a dry run.

        Raises `Interrupted`.
        """
        name, now = RepositoryName.parse(run.attributes[REPOSITORY]), self._clock()
        with self._database.read() as tx:
            policy = retention_policies.find(tx, run.execution.vendor_id)
            project = projects.find(tx, name.project)
            row = repositories.find(tx, str(name))
            if policy is None or project is None or row is None or project.id != policy.project_id:
                run.log(f"{name} is not there any more")
                return
            found = _candidates(tx, row.id)
        staying = kept(Policy.read(policy.policy).rules, str(name), found, now)
        run.attributes["total"] = len(found)
        run.attributes["retained"] = len(found) - sum(self._settle(run, project, name, found, staying))
        if run.parameters.get(DRY_RUN):
            run.attributes[FREED] = self._freed(row.id, [each for each in found if each.manifest_id not in staying])

    def _freed(self, repository_id: int, leaving: Sequence[Candidate]) -> int | None:
        """Bytes of the blobs that nothing else has; None where too many would have to be looked at."""
        if len(leaving) > _COUNTED:
            return None
        with self._database.read() as tx:
            going = doomed(tx, repository_id, {each.manifest_id: each.digest for each in leaving})
            return spaces.size_only_of(tx, repository_id, going)

    def _settle(
        self, run: Run, project: ProjectRecord, name: RepositoryName, found: Sequence[Candidate], staying: set[int]
    ) -> Iterator[bool]:
        """Whether each goes, or would go."""
        for each in found:
            run.must_go_on()
            if each.manifest_id in staying:
                outcome = "kept"
            elif run.parameters.get(DRY_RUN):
                outcome = "would be deleted"
            else:
                outcome = self._delete(Repository(project, name), each)
            goes = outcome in ("deleted", "would be deleted")
            if goes:
                run.attributes.setdefault(DELETED, []).extend(map(name.at, each.tags or [each.digest]))
            run.log(f"{outcome}: {name}@{each.digest} {', '.join(each.tags) or '(untagged)'}")
            yield goes

    def _delete(self, repository: Repository, candidate: Candidate) -> str:
        with self._database.write() as tx:
            record = artifacts.find(tx, candidate.manifest_id)
            if record is None or _told(tx, [record]) != [candidate]:
                return "kept, for it changed meanwhile"
            try:
                remove(tx, RETENTION_USER, repository, record, self._clock())
            except TagImmutable:
                return "kept, for a tag is immutable"
            except StillReferenced:
                return "kept, for an index needs it"
        return "deleted"


def _candidates(tx: Transaction, repository_id: int) -> list[Candidate]:
    found, _ = artifacts.list_of_repository(tx, repository_id, Listing(size=0))
    batches = (found[start : start + _BATCH] for start in range(0, len(found), _BATCH))
    return [candidate for batch in batches for candidate in _told(tx, batch)]


def _told(tx: Transaction, records: Sequence[ArtifactRecord]) -> list[Candidate]:
    tags = artifacts.list_tags(tx, [record.id for record in records])
    return [_candidate(record, tags.get(record.id, [])) for record in records]


def _candidate(record: ArtifactRecord, tags: Sequence[TagDates]) -> Candidate:
    return Candidate(
        record.id,
        record.digest,
        tuple(tag.name for tag in tags),
        max(record.created_at, *(tag.updated_at for tag in tags), 0),
        max(record.pulled_at or 0, *(tag.pulled_at or 0 for tag in tags), 0),
    )
