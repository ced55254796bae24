"""Whether manifests are what their digests say, and whether the records say what is in them."""

from collections.abc import Callable, Iterator

from registry.core.findings import CheckReport
from registry.core.manifests import Sparse
from registry.errors import ManifestInvalid
from registry.oci.bounds import Bounds
from registry.oci.manifests import Manifest
from storage.digest import Digest
from storage.metadata import checks
from storage.metadata.checks import KeptManifest
from storage.metadata.database import Database, Transaction

PAGE = 16  # manifests that are read at once: each may have megabytes
_NAMED = 3  # digests in a sentence


class ManifestChecks:
    """`sparse` is the setting: what manifests may lack. `bounds` are wide enough for whatever was ever taken."""

    def __init__(
        self,
        database: Database,
        report: CheckReport,
        *,
        sparse: Sparse,
        bounds: Bounds,
        repairs: bool,
        progress: Callable[[], None],
    ) -> None:
        self._database = database
        self._report = report
        self._sparse = sparse
        self._bounds = bounds
        self._repairs = repairs
        self._progress = progress

    def run(self) -> None:
        for kept in self._list():
            self._check(kept)
            self._report.manifests += 1
            self._progress()
        self._check_tags()

    def _list(self) -> Iterator[KeptManifest]:
        after = 0
        while True:
            with self._database.read() as tx:
                page = checks.list_manifests(tx, after, PAGE)
            if not page:
                return
            after = page[-1].id
            yield from page

    def _check(self, kept: KeptManifest) -> None:
        manifest = self._parse(kept)
        if manifest is None:
            return
        references = {str(named.digest): named.kind == "manifest" for named in manifest.references}
        if references != kept.references:
            self._settle_references(kept, references)
        if (str(manifest.subject) if manifest.subject else None) != kept.subject:
            self._tell(kept, "is recorded as being about another manifest than it names")
        if not kept.is_deleted and self._sparse != "all":
            self._check_blobs(kept, manifest)

    def _parse(self, kept: KeptManifest) -> Manifest | None:
        digest = Digest.parse(kept.digest)
        if Digest.of(kept.content, digest.algorithm) != digest or len(kept.content) != kept.size:
            self._tell(kept, "has other content than its digest says: push it again to mend it")
            return None
        try:
            return Manifest.parse(kept.media_type, kept.content, self._bounds)
        except ManifestInvalid as error:
            self._tell(kept, f"cannot be understood: {error}")
            return None

    def _settle_references(self, kept: KeptManifest, references: dict[str, bool]) -> None:
        with self._database.write() as tx:
            again = _find(tx, kept)
            if again is None or again.references == references:
                return
            if self._repairs:
                checks.set_references(tx, again, references)
        self._tell(kept, "is recorded as naming other content than it does", mended=self._repairs)

    def _check_blobs(self, kept: KeptManifest, manifest: Manifest) -> None:
        required = {str(named.digest) for named in manifest.references if named.kind == "blob" and named.required}
        with self._database.read() as tx:
            lacking = sorted(required - checks.linked(tx, kept.repository_id, required))
            again = _find(tx, kept) if lacking else None
        if again is not None and not again.is_deleted:
            named = ", ".join(lacking[:_NAMED]) + (" and more" if len(lacking) > _NAMED else "")
            self._tell(kept, f"lacks what it needs: push {named} to complete it")

    def _check_tags(self) -> None:
        with self._database.read() as tx:
            self._report.tags = checks.count_tags(tx)
            for repository, tag, digest in checks.list_stray_tags(tx):
                what = f"points to {digest}, which is deleted: set it anew, or restore that"
                self._report.tell("tag", f"{repository}:{tag}", what, repositories=[repository])

    def _tell(self, kept: KeptManifest, what: str, *, mended: bool = False) -> None:
        with self._database.read() as tx:
            if _find(tx, kept) is None:
                return
            tags = checks.list_tags_of(tx, kept.repository_id, kept.digest)
        self._report.tell(
            "manifest",
            f"{kept.repository}@{kept.digest}",
            what,
            repositories=[kept.repository],
            tags=[f"{kept.repository}:{tag}" for tag in tags],
            mended=mended,
        )


def _find(tx: Transaction, kept: KeptManifest) -> KeptManifest | None:
    """The manifest as it is by now, if it is still there."""
    found = checks.list_manifests(tx, kept.id - 1, 1)
    return found[0] if found and found[0].id == kept.id else None
