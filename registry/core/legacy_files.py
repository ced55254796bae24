"""The blobs of an old registry's storage, and the report of what was found there."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from registry.errors import DigestInvalid, ManifestTooLarge
from storage.blobs import BlobMissing, BlobStoreError, StoreUnavailable
from storage.digest import Digest, new_hasher
from storage.legacy import LegacyMedium, blob_location

_PIECE = 1 << 20  # bytes read at once
_AHEAD = 16  # manifests that are read while others are stored


@dataclass(frozen=True, slots=True)
class Problem:
    """What was left out or is not whole: `path` is below the root of the storage, and begins the sentence `what`."""

    path: str
    what: str


@dataclass(slots=True)
class AdoptionReport:
    """What came of a run so far: what is new here, what was here before, and what is wrong."""

    projects: int = 0
    repositories: int = 0
    manifests: int = 0
    manifests_before: int = 0
    tags: int = 0
    tags_moved: int = 0
    tags_before: int = 0
    tags_kept: int = 0  # another image was pushed here under the name, later than in the old registry
    blobs: int = 0
    bytes: int = 0
    bytes_read: int = 0  # of blobs whose digest was verified
    public_projects: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, path: str, what: str) -> None:
        self.problems.append(Problem(path, what))


class LegacyFiles:
    """The blobs of the old storage."""

    def __init__(
        self, medium: LegacyMedium, report: AdoptionReport, progress: Callable[[AdoptionReport], None], *, verify: bool
    ) -> None:
        self._medium = medium
        self._report = report
        self._progress = progress
        self.verify = verify
        self._sound: set[Digest] = set()
        self._damaged: set[Digest] = set()

    def read(self, digests: Iterable[Digest], limit: int) -> Iterator[Callable[[], bytes]]:
        """Manifests, in this order, some of them at the same time.

        Each is the outcome of reading it, which raises `BlobStoreError`, `ManifestTooLarge` or `DigestInvalid`.
        """
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(_AHEAD) as threads:
            for digest in digests:
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result
                waiting.append(threads.submit(self._read, digest, limit))
            while waiting:
                yield waiting.popleft().result

    def _read(self, digest: Digest, limit: int) -> bytes:
        with closing(self._medium.open(blob_location(digest))) as reader:
            if reader.size > limit:
                raise ManifestTooLarge(f"the manifest has {reader.size} bytes, more than {limit}")
            content = reader.read(0, reader.size)
        if Digest.of(content, digest.algorithm) != digest:
            raise _differs(digest)
        return content

    def size(self, digest: Digest, said: Collection[int]) -> int | None:
        """The real size of a blob of which manifests said these; None for one that is missing or damaged.

        One of another size is read to learn whether it or its manifest is wrong; and so is an empty one, for that is
        what a loss of power leaves. Raises `StoreUnavailable`.
        """
        location = blob_location(digest)
        if digest in self._damaged:
            return None
        try:
            size = self._medium.size(location)
            if self.verify or size == 0 or any(other != size for other in said):
                self._must_be_sound(digest)
        except BlobMissing:  # whoever names it says so
            return None
        except StoreUnavailable:
            raise
        except (BlobStoreError, DigestInvalid) as error:
            self._report.tell(location, f"cannot be used: {error}")
            self._damaged.add(digest)
            return None
        return size

    def _must_be_sound(self, digest: Digest) -> None:
        if digest in self._sound:
            return
        hasher = new_hasher(digest.algorithm)
        with closing(self._medium.open(blob_location(digest))) as reader:
            for offset in range(0, reader.size, _PIECE):
                hasher.update(reader.read(offset, _PIECE))
                self._report.bytes_read += min(_PIECE, reader.size - offset)
                self._progress(self._report)
        if hasher.hexdigest() != digest.hex:
            raise _differs(digest)
        self._sound.add(digest)


def _differs(digest: Digest) -> DigestInvalid:
    return DigestInvalid(f"its content is damaged: it does not have digest {digest}")
