"""Upload sessions: bytes arrive in pieces, in order, from any connection and through any process.

What a session has is what its row says: bytes are kept before the row counts them, and bytes beyond it are dropped when
the session goes on. A session survives the end of any process; a loss of power it survives from its first few megabytes
on, since smaller content is sent again sooner than a disk has been waited for. What it becomes survives everything.

A digest is computed while the bytes pass. The hash object stays in this process's memory between two requests, and the
row keeps the digest of what it counts; only when neither serves are the bytes read again.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from auth.access import Actor
from registry.core import events, quotas, repositories
from registry.core.admissions import UploadLimits
from registry.core.blobs import Blobs
from registry.core.claims import Claim, claim
from registry.core.repositories import Repository
from registry.errors import BlobTooLarge, BlobUploadUnknown, DigestInvalid, QuotaExceeded, UploadRangeInvalid
from storage.blobs import BlobMissing, BlobStore, StagedBusy, StagedWriter
from storage.clock import now_ms
from storage.digest import Digest, Hasher, new_hasher
from storage.metadata import uploads
from storage.metadata.database import Database, Transaction
from storage.metadata.projects import ProjectRecord
from storage.metadata.uploads import UploadRecord

SYNCED_BYTES = 4 << 20  # from which on a session is kept through a loss of power


class Hashers:
    """Hash objects of sessions between two requests, the least recently used dropped first. Thread-safe."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[int, str, Hasher]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, record: UploadRecord, algorithm: str) -> Hasher | None:
        """A hash object that has seen just the first `record.size` bytes of the session, if there is one."""
        with self._lock:
            size, kept_algorithm, hasher = self._kept.pop(record.id, (0, algorithm, None))
        if hasher and size == record.size and kept_algorithm == algorithm:
            return hasher
        return None if record.size else new_hasher(algorithm)

    def keep(self, record: UploadRecord, algorithm: str, hasher: Hasher) -> None:
        with self._lock:
            self._kept[record.id] = record.size, algorithm, hasher
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def drop(self, upload_id: str) -> None:
        with self._lock:
            self._kept.pop(upload_id, None)


class Uploads:
    def __init__(
        self,
        database: Database,
        store: BlobStore,
        blobs: Blobs,
        *,
        expiry_seconds: int,
        limits: UploadLimits = UploadLimits(),  # noqa: B008  # frozen
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._store = store
        self._blobs = blobs
        self._expiry_ms = expiry_seconds * 1000
        self._limits = limits
        self._clock = clock
        self._hashers = Hashers()

    def start(self, actor: Actor, repository: Repository, algorithm: str = "sha256") -> UploadRecord:
        """Begin a session whose content will probably be named by a digest of `algorithm`.

        Raises `TooManyRequests` when the account or the project has too many of them.
        """
        staged = self._store.stage()
        try:
            with self._database.write(durable=False) as tx:
                now = self._clock()
                row = repositories.get_or_create(tx, repository, now)
                self._limits.admit(tx, actor.owner_id, row.project_id, now)
                record = UploadRecord(
                    id=secrets.token_urlsafe(24),
                    repository_id=row.id,
                    user_id=actor.owner_id,
                    staged=staged,
                    size=0,
                    algorithm=algorithm,
                    digest=None,
                    expires_at=now + self._expiry_ms,
                )
                uploads.add(tx, record)
        except BaseException:
            self._store.discard(staged)
            raise
        return record

    def find(self, actor: Actor, repository: Repository, upload_id: str) -> UploadRecord:
        """A session of that repository, begun by that account. Raises `BlobUploadUnknown`."""
        with self._database.read() as tx:
            row = repositories.find(tx, repository)
            record = uploads.find(tx, upload_id, row.id, actor.owner_id, self._clock()) if row else None
        if record is None:
            raise _unknown()
        return record

    def _find_again(self, record: UploadRecord) -> UploadRecord:
        """A session that was found already, as it is now. Raises `BlobUploadUnknown`."""
        with self._database.read() as tx:
            found = uploads.find(tx, record.id, record.repository_id, record.user_id, self._clock())
        if found is None:
            raise _unknown()
        return found

    def cancel(self, actor: Actor, repository: Repository, upload_id: str) -> None:
        """End a session and drop its bytes. Raises `BlobUploadUnknown`."""
        if not self._drop(self.find(actor, repository, upload_id)):
            raise _unknown()

    def open(
        self,
        actor: Actor,
        repository: Repository,
        upload_id: str,
        *,
        first_byte: int | None = None,
        algorithm: str | None = None,
        length: int = 0,
        autosave: bool = False,
    ) -> "OpenUpload":
        """Take a session to append to it, and keep everybody else out until it is closed.

        `first_byte` is where the client believes the session to be, `algorithm` that of the digest it has named,
        `length` how many bytes it is going to send, where it says so; with `autosave` a long request saves what it has
        from time to time, for a client that can resume.

        Raises `BlobUploadUnknown`, and `UploadRangeInvalid` for a wrong `first_byte` or while another request appends.
        Raises `BlobTooLarge`, and `QuotaExceeded` when the project can never take so much; the session has ended then.
        """
        with _plainly(), ExitStack() as on_error:
            record = self.find(actor, repository, upload_id)
            claimed = self._claim(record)
            on_error.callback(claimed.release)
            if not self._store.excludes_writers:
                record = self._find_again(record)
            writer = self._store.open_staged(record.staged)
            on_error.callback(writer.close)
            # Only from here on nobody else moves the session.
            if self._store.excludes_writers:
                record = self._find_again(record)
            _must_continue(record, first_byte)
            writer.start_at(record.size)
            on_error.pop_all()
        algorithm = algorithm or record.algorithm
        opened = OpenUpload(
            self,
            repository.project,
            record,
            writer,
            claimed,
            algorithm=algorithm,
            autosave=autosave,
            operator=actor.name,
        )
        opened.expect(length)
        return opened

    def _claim(self, record: UploadRecord) -> Claim:
        return claim(self._database, record.id, locks=self._store.excludes_writers, clock=self._clock)

    def _drop(self, record: UploadRecord) -> bool:
        self._hashers.drop(record.id)
        return drop(self._database, self._store, record.id, record.staged)

    def _advance(
        self, old: UploadRecord, writer: StagedWriter, size: int, digest: str | None, held: Claim
    ) -> UploadRecord:
        """Keep what the writer has, and make the row say so."""
        staged = writer.checkpoint(durable=size >= SYNCED_BYTES)
        new = replace(old, staged=staged, size=size, digest=digest, expires_at=self._clock() + self._expiry_ms)
        with ExitStack() as on_error:
            on_error.callback(writer.revoke)
            with self._database.write(durable=size >= SYNCED_BYTES) as tx:
                if not uploads.advance(tx, old, new, held.token):
                    raise _unknown()
            on_error.pop_all()
        return new

    def _commit(self, record: UploadRecord, writer: StagedWriter, digest: Digest, size: int, held: Claim) -> None:
        def join(tx: Transaction) -> int:
            if not uploads.finish(tx, record.id, held.token):
                raise _unknown()
            return record.repository_id

        self._blobs.commit(writer, digest, size, join)


def drop(database: Database, store: BlobStore, upload_id: str, staged: str) -> bool:
    """End a session and drop its bytes; tells whether it was still there.

    On a disk the bytes go first: when it is full they make the room that removing the row takes. Without locks the row
    goes first, since the bytes belong to whoever removed it: a commit may have made them a blob meanwhile.
    """
    if store.excludes_writers:
        store.discard(staged)
    with database.write() as tx:
        removed = uploads.remove(tx, upload_id)
    if removed is None:
        return False
    store.discard(removed)
    return True


class OpenUpload:
    """A session in the hands of one request. Not thread-safe; call its methods one after the other."""

    def __init__(
        self,
        owner: Uploads,
        project: ProjectRecord,
        record: UploadRecord,
        writer: StagedWriter,
        held: Claim,
        *,
        algorithm: str,
        autosave: bool,
        operator: str,
    ) -> None:
        self._owner = owner
        self._operator = operator
        self._project = project
        self._writer = writer
        self._held = held
        self._algorithm = algorithm
        self._autosave = autosave
        self._finished = False
        self._hasher = owner._hashers.take(record, algorithm)
        self.record = record
        self.size = record.size

    def expect(self, length: int) -> None:
        """Raises `BlobTooLarge`, and `QuotaExceeded` when the project can never take so many bytes more; the session
        has ended then.
        """
        try:
            self._owner._limits.must_take(self.size + length)
            quotas.must_not_outgrow(self._project, self.size + length)
        except (BlobTooLarge, QuotaExceeded) as error:
            self._end_refused(error)
            raise

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Raises `StoreFull`; what the session had when it was opened, or saved, is still there then.

        Raises what `expect` does.
        """
        self.expect(len(data))
        with _plainly():
            self._writer.append(data)
            self._held.renew()
        if self._hasher:
            self._hasher.update(data)
        self.size += len(data)
        if self._autosave and self.size - self.record.size >= self._owner._store.checkpoint_bytes:
            self.save()

    def save(self) -> UploadRecord:
        """Make what was appended part of the session. Raises `BlobUploadUnknown` when it has ended meanwhile."""
        digest = f"{self._algorithm}:{self._hasher.copy().hexdigest()}" if self._hasher else None
        with _plainly():
            self.record = self._owner._advance(self.record, self._writer, self.size, digest, self._held)
        return self.record

    def finish(self, digest: Digest) -> None:
        """Make the content a blob of the repository and end the session.

        Raises `DigestInvalid` when the content is another; the session goes on then as if nothing had been appended.
        Raises `BlobUploadUnknown` when the session was cancelled meanwhile, and `QuotaExceeded` when the project has no
        room for the content; the session has ended then.
        """
        try:
            with _plainly():
                self._must_have(digest)
                self._owner._commit(self.record, self._writer, digest, self.size, self._held)
        except (BlobTooLarge, QuotaExceeded) as error:
            self._end_refused(error)
            raise
        self._finished = True

    def close(self) -> None:
        """Let others go on with the session; what was appended since it was saved is dropped."""
        if self._hasher and self.size == self.record.size and not self._finished:
            self._owner._hashers.keep(self.record, self._algorithm, self._hasher)
        self._writer.close()
        if not self._finished:
            self._held.release()

    def _end_refused(self, error: BlobTooLarge | QuotaExceeded) -> None:
        """What does not fit is not kept for another try, which would end likewise."""
        self._writer.close()
        self._owner._drop(self.record)
        self._finished = True
        if isinstance(error, QuotaExceeded):
            events.tell_of_excess(self._owner._database, self._project, error, self._operator)

    def _must_have(self, digest: Digest) -> None:
        """Raises `DigestInvalid`."""
        found = self._digest(digest.algorithm)
        if found != digest:
            raise DigestInvalid(
                f"the uploaded content has digest {found}, not {digest}",
                {"expected": str(digest), "got": str(found)},
            )

    def _digest(self, algorithm: str) -> Digest:
        if self._hasher and self._algorithm == algorithm:
            return Digest(algorithm, self._hasher.copy().hexdigest())
        saved = self.record.digest
        if saved and self.size == self.record.size and saved.startswith(f"{algorithm}:"):
            return Digest.parse(saved)
        return self._hash_again(algorithm)

    def _hash_again(self, algorithm: str) -> Digest:
        """Read everything. Keeps the session alive where reading changes what its store has."""
        hasher = new_hasher(algorithm)
        for piece in self._writer.read():
            hasher.update(piece)
            self._held.renew()
        if not self._owner._store.excludes_writers:
            self.record = self._owner._advance(
                self.record, self._writer, self.record.size, self.record.digest, self._held
            )
        return Digest(algorithm, hasher.hexdigest())


class _plainly:  # noqa: N801  # it is used like a function, and each push of a blob needs it seven times
    """Say in the spec's words what stands in a writer's way."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StagedBusy):
            raise UploadRangeInvalid("another request is sending to this upload") from None
        if isinstance(error, BlobMissing):
            raise _unknown() from None


def _must_continue(record: UploadRecord, first_byte: int | None) -> None:
    if first_byte not in (None, record.size):
        raise UploadRangeInvalid(f"the upload has {record.size} bytes: go on at byte {record.size}")


def _unknown() -> BlobUploadUnknown:
    return BlobUploadUnknown("the upload does not exist: it may have ended or expired")
