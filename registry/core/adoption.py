"""Taking over the storage of docker-distribution where it lies.

The links of the old registry become rows; a blob's location becomes the file that holds it, so no byte is copied. What
a push would be refused for is left out and reported, and everything else goes on. Only a manifest that lacks some of
what it names is kept, for it was like that in the old registry, and a push of what is missing mends it.

A run can be repeated after more pushes to the old registry. Manifests and tags are as old here as their links are
there; so a tag follows the old registry until something is pushed here under its name.

A repository gets the blobs that its manifests require, and those that it has links to. A layer that clients fetch from
elsewhere is not among the former: the old registry takes the name of any digest there, so naming one proves nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.core.legacy_files import AdoptionReport, LegacyFiles
from registry.core.manifests import store as store_manifest
from registry.errors import NameInvalid, RegistryError, TagInvalid
from registry.oci.bounds import USUAL, Bounds
from registry.oci.descriptors import Descriptor
from registry.oci.manifests import Manifest
from registry.oci.names import RepositoryName, parse_project, parse_tag
from storage.blobs import BlobStoreError, StoreUnavailable
from storage.clock import now_ms
from storage.digest import Digest
from storage.legacy import LegacyMedium, LegacyTree, Link, blob_location
from storage.metadata import blobs, manifests, projects, repositories, tags, tombstones
from storage.metadata.database import Database, Transaction
from storage.metadata.repositories import RepositoryRecord
from storage.metadata.tags import TagRecord

ROWS = 500  # blobs or tags in one transaction
IMAGES = 200  # manifests in one transaction ...
IMAGE_BYTES = 16 << 20  # ... and their bytes, unless a single one has more


@dataclass(frozen=True, slots=True)
class _Image:
    """A manifest of the old registry, sound in itself."""

    link: Link
    content: bytes
    manifest: Manifest

    @property
    def blobs(self) -> list[Descriptor]:
        return [named for named in self.manifest.references if named.kind == "blob"]

    @property
    def children(self) -> list[Descriptor]:
        return [named for named in self.manifest.references if named.kind == "manifest"]


class Adoption:
    """One run. `medium` has the old storage; `verify` reads every blob to compare its digest.

    `quota` is what new projects get, in bytes, and None for no limit; what is there already is adopted nonetheless.
    `progress` gets the report now and then.
    """

    def __init__(
        self,
        database: Database,
        medium: LegacyMedium,
        *,
        manifest_limit: int,
        bounds: Bounds = USUAL,
        quota: int | None = None,
        verify: bool = False,
        progress: Callable[[AdoptionReport], None] = lambda _: None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._report = AdoptionReport()
        self._medium = medium
        self._tree = LegacyTree(medium, self._report.tell)
        self._files = LegacyFiles(medium, self._report, progress, verify=verify)
        self._manifest_limit = manifest_limit
        self._bounds = bounds
        self._quota = quota
        self._progress = progress
        self._clock = clock

    def run(self) -> AdoptionReport:
        """Adopt all there is. What was adopted before an error stays, and another run goes on.

        Raises `DatabaseError`, and `StoreUnavailable` when the medium does not answer.
        """
        self._medium.make_durable()
        sources = self._sources()
        for name, folders in sources.items():
            self._adopt_images(name, folders)
            self._adopt_tags(name, folders)
        # Only now: manifests tell the sizes of blobs, so that one cut short was found out by the first that names it.
        for name, folders in sources.items():
            self._adopt_layers(name, folders)
        return self._report

    def _sources(self) -> dict[RepositoryName, list[str]]:
        """The folders that become each repository: `app` and `library/app` are one here, and the latter comes first."""
        sources: dict[RepositoryName, list[str]] = {}
        for folder in self._tree.repositories():
            try:
                name = RepositoryName.parse(folder)
                parse_project(name.project)
            except NameInvalid as error:
                self._report.tell(f"docker/registry/v2/repositories/{folder}", f"was left out: {error}")
            else:
                sources[name] = sorted([*sources.get(name, []), folder], key=len, reverse=True)
        return sources

    def _adopt_images(self, name: RepositoryName, folders: Sequence[str]) -> None:
        links = {link.digest: link for folder in folders for link in self._tree.manifests(folder)}
        namings: list[tuple[str, Descriptor]] = []
        for batch in _batches(self._read_images(list(links.values()))):
            self._adopt_batch(name, batch)
            namings += [(image.link.path, child) for image in batch for child in image.children]
            self._progress(self._report)
        self._check_children(name, namings)

    def _adopt_batch(self, name: RepositoryName, batch: Sequence[_Image]) -> None:
        sizes: dict[Digest, set[int]] = {}
        for named in (named for image in batch for named in image.blobs if named.required):
            sizes.setdefault(named.digest, set()).add(named.size)
        fresh = self._find(sizes, self._known(sizes))
        with self._database.write() as tx:
            row = self._place(tx, name)
            here = self._link(tx, row.id, sizes, fresh)
            self._store_manifests(tx, row.id, batch)
        for image in batch:
            for named in image.blobs:
                self._check(image.link.path, named, here.get(named.digest))

    def _adopt_tags(self, name: RepositoryName, folders: Sequence[str]) -> None:
        links = list(self._tags(folders).items())
        for start in range(0, len(links), ROWS):
            self._point_tags(name, dict(links[start : start + ROWS]))
            self._progress(self._report)

    def _adopt_layers(self, name: RepositoryName, folders: Sequence[str]) -> None:
        digests = sorted({link.digest for folder in folders for link in self._tree.layers(folder)})
        for start in range(0, len(digests), ROWS):
            chosen = digests[start : start + ROWS]
            known = self._known(chosen)
            fresh = self._find(dict.fromkeys(chosen, ()), known)
            if known or fresh:  # the old registry keeps links to blobs that it has deleted
                with self._database.write() as tx:
                    self._link(tx, self._place(tx, name).id, chosen, fresh)
            self._progress(self._report)

    def _read_images(self, links: Collection[Link]) -> Iterator[_Image]:
        contents = self._files.read((link.digest for link in links), self._manifest_limit)
        for link, read in zip(links, contents, strict=True):
            try:
                content = read()
                # Nothing else tells its type: the old registry does not keep what it was pushed as.
                manifest = Manifest.parse(None, content, self._bounds)
            except StoreUnavailable:
                raise
            except (BlobStoreError, RegistryError) as error:
                self._report.tell(link.path, f"was left out: {error}")
            else:
                yield _Image(link, content, manifest)

    def _known(self, digests: Iterable[Digest]) -> dict[str, str]:
        """Locations of those blobs that have a row already."""
        with self._database.read() as tx:
            return {digest: blob.location for digest, blob in blobs.find_many(tx, map(str, digests)).items()}

    def _find(self, said: Mapping[Digest, Collection[int]], known: Mapping[str, str]) -> dict[Digest, int]:
        """Sizes of those blobs that can be adopted from the files; `said` are the sizes that manifests gave them."""
        found = {}
        for digest, sizes in said.items():
            location = known.get(str(digest))
            if location is None or (self._files.verify and location == blob_location(digest)):
                size = self._files.size(digest, sizes)
                if size is not None:
                    found[digest] = size
        return found

    def _place(self, tx: Transaction, name: RepositoryName) -> RepositoryRecord:
        now = self._clock()
        project = projects.find(tx, name.project)
        if project is None:
            project = projects.add(tx, name.project, is_public=False, now=now, quota=self._quota)
            self._report.projects += 1
        elif project.is_public:
            self._report.public_projects.add(project.name)
        if repositories.find(tx, str(name)) is None:
            self._report.repositories += 1
        return repositories.get_or_create(tx, project.id, str(name), now)

    def _link(
        self, tx: Transaction, repository_id: int, digests: Collection[Digest], fresh: Mapping[Digest, int]
    ) -> dict[Digest, int]:
        """Give the repository those of the blobs that there are; tells their sizes."""
        now, here = self._clock(), {}
        known = blobs.find_many(tx, map(str, digests))
        # A location is never used twice: a file that is going to be deleted is as good as gone.
        doomed = tombstones.named(tx, [blob_location(digest) for digest in fresh])
        for digest in digests:
            location, record = blob_location(digest), known.get(str(digest))
            if record is not None:
                blob_id, size = record.id, record.size
            elif digest in fresh and location not in doomed:
                size = fresh[digest]
                blob_id = blobs.add(tx, str(digest), size, location, now)
                self._report.blobs += 1
                self._report.bytes += size
            else:
                continue
            blobs.link(tx, repository_id, blob_id, now)
            here[digest] = size
        return here

    def _store_manifests(self, tx: Transaction, repository_id: int, batch: Sequence[_Image]) -> None:
        now = self._clock()
        known = manifests.find_many(tx, repository_id, [str(image.link.digest) for image in batch])
        for image in batch:
            if str(image.link.digest) in known:
                self._report.manifests_before += 1
                continue
            pushed_at = min(image.link.written_at, now)
            # Its tags come later: until then it must not count as one that has been without for long.
            store_manifest(
                tx, repository_id, image.link.digest, image.manifest, image.content, now=now, pushed_at=pushed_at
            )
            self._report.manifests += 1

    def _check_children(self, name: RepositoryName, namings: Sequence[tuple[str, Descriptor]]) -> None:
        with self._database.read() as tx:
            row = repositories.find(tx, str(name))
            here = manifests.present(tx, row.id, {str(child.digest) for _, child in namings}) if row else {}
        for path, child in namings:
            self._check(path, child, here.get(str(child.digest)))

    def _check(self, path: str, named: Descriptor, size: int | None) -> None:
        if size is None and named.required:
            self._report.tell(path, f"was adopted but lacks {named.kind} {named.digest} of {named.size} bytes")
        if size not in (None, named.size):
            self._report.tell(path, f"was adopted but says that {named.digest} has {named.size} bytes; it has {size}")

    def _tags(self, folders: Sequence[str]) -> dict[str, Link]:
        found: dict[str, Link] = {}
        for tag, link in (entry for folder in folders for entry in self._tree.tags(folder)):
            try:
                parse_tag(tag)
            except TagInvalid as error:
                self._report.tell(link.path, f"was left out: {error}")
                continue
            if found.setdefault(tag, link).digest != link.digest:
                self._report.tell(
                    link.path, f"was left out: {found[tag].path} is the same tag here and names another image"
                )
        return found

    def _point_tags(self, name: RepositoryName, links: Mapping[str, Link]) -> None:
        with self._database.write() as tx:
            row = repositories.find(tx, str(name))
            targets = manifests.find_many(tx, row.id, {str(link.digest) for link in links.values()}) if row else {}
            here = tags.find_many(tx, row.id, links) if row else {}
            for tag, link in links.items():
                target = targets.get(str(link.digest))
                if row is None or target is None:
                    self._report.tell(link.path, f"was left out: {link.digest} is no manifest that was adopted")
                else:
                    self._point(tx, row.id, TagRecord(tag, target.id, link.written_at), here.get(tag))

    def _point(self, tx: Transaction, repository_id: int, wanted: TagRecord, here: TagRecord | None) -> None:
        written_at = min(wanted.updated_at, self._clock())
        if here and here.manifest_id == wanted.manifest_id:
            self._report.tags_before += 1
        elif here and here.updated_at > written_at:
            self._report.tags_kept += 1
        else:
            tags.point(tx, repository_id, wanted.name, wanted.manifest_id, written_at)
            self._report.tags += here is None
            self._report.tags_moved += here is not None


def _batches(images: Iterable[_Image]) -> Iterator[list[_Image]]:
    batch: list[_Image] = []
    size = 0
    for image in images:
        if batch and (len(batch) == IMAGES or size + len(image.content) > IMAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += len(image.content)
    if batch:
        yield batch
