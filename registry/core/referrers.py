"""Lists of the manifests that name another as their subject."""

from collections.abc import Iterator

import msgspec

from registry.core import repositories
from registry.core.repositories import Repository
from registry.oci.manifests import describe
from storage.digest import Digest
from storage.metadata import manifests
from storage.metadata.database import Database
from storage.metadata.manifests import ReferrerRecord

# Clients read no index larger than a manifest may be: 4 MiB, with room for the frame around the descriptors.
_PAGE_BYTES = 4 * 1024 * 1024 - 1024


class Referrers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, repository: Repository, subject: Digest, *, artifact_types: list[str], after: str, count: int
    ) -> tuple[list[dict[str, object]], bool]:
        """Descriptors of up to `count` referrers after the digest `after`, and whether there are more.

        Nothing, rather than an error, for a subject or a repository that is unknown (distribution spec, section
        "Listing Referrers").
        """
        with self._database.read() as tx:
            row = repositories.find(tx, repository)
            if row is None:
                return [], False
            found = manifests.list_referrers(
                tx, row.id, str(subject), artifact_types=artifact_types, after=after, count=count + 1
            )
            return _first_page(map(_describe, found), count)


def _first_page(descriptors: Iterator[dict[str, object]], count: int) -> tuple[list[dict[str, object]], bool]:
    """As many as fit, and at least one, so that paging always gets on; no more are read than that and one."""
    page: list[dict[str, object]] = []
    used = 0
    for descriptor in descriptors:
        used += len(msgspec.json.encode(descriptor)) + len(",")
        if len(page) == count or (page and used > _PAGE_BYTES):
            return page, True
        page.append(descriptor)
    return page, False


def _describe(record: ReferrerRecord) -> dict[str, object]:
    return describe(
        digest=Digest.parse(record.digest),
        size=record.size,
        media_type=record.media_type,
        artifact_type=record.artifact_type,
        annotations=record.annotations,
    )
