"""What lists tell of each manifest without reading it."""

from registry.errors import ManifestInvalid
from registry.oci.artifacts import UNKNOWN
from registry.oci.bounds import STORED
from registry.oci.manifests import Manifest
from storage.metadata import manifests
from storage.metadata.database import Database, Transaction
from storage.metadata.manifests import Nature

_BATCH = 200
_MOST = 2**62  # what a manifest says of content that is not here may add up to more than a database has numbers for


def nature_of(tx: Transaction, repository_id: int, manifest: Manifest, size: int) -> Nature:
    """That of a manifest of so many bytes."""
    blobs = sum(reference.size for reference in manifest.references if reference.kind == "blob")
    children = [str(reference.digest) for reference in manifest.references if reference.kind == "manifest"]
    within = manifests.total_size(tx, repository_id, children) if children else 0
    return Nature(manifest.kind, manifest.config_type, min(size + blobs + within, _MOST))


def fill_in(database: Database) -> int:
    """Find the natures of manifests from before they were kept; tells how many those were.

    A child is older than the index that names it, so its size is known by then.
    """
    filled = 0
    while True:
        with database.read() as tx:
            found = manifests.list_natureless(tx, _BATCH)
        if not found:
            return filled
        with database.write(durable=False) as tx:
            for manifest_id, repository_id, media_type, content in found:
                manifests.set_nature(tx, manifest_id, _read(tx, repository_id, media_type, content))
        filled += len(found)


def _read(tx: Transaction, repository_id: int, media_type: str, content: bytes) -> Nature:
    """Content that has lost what it was, on a damaged disk, is of an unknown kind and no obstacle."""
    try:
        manifest = Manifest.parse(media_type, content, STORED)
    except ManifestInvalid:
        return Nature(UNKNOWN, None, len(content))
    return nature_of(tx, repository_id, manifest, len(content))
