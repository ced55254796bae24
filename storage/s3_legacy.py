"""The storage of docker-distribution in a bucket.

Listing tells nearly everything: which links and blobs there are, how large, and since when. It tells as well what is in
a link that names what its place lets expect: the entity tag of an object that was sent at once is the MD5 of its
content (S3 API reference, "Object", ETag). Where it is something else, the link is read.
"""

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import quote

from storage.blobs import BlobMissing, BlobStoreError, StoreUnavailable
from storage.legacy import BLOBS, LINK_LIMIT, REPOSITORIES, LinkFile, Report, not_legacy, possible_roots
from storage.s3_buckets import Bucket, Listed
from storage.s3_options import parse_url
from storage.s3_readers import S3Reader

READERS = 16  # links that are read at the same time
_LINK = re.compile(r".*/(_layers/[^/]*/[^/]*|_manifests/(revisions/[^/]*/[^/]*|tags/[^/]*/current))/link", re.DOTALL)


class LegacyBucket:
    """The `LegacyMedium` under the prefix of a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._sizes: dict[str, int] | None = None
        self._lock = threading.Lock()

    @property
    def root(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        name, prefix = self._bucket.place
        return f"s3://{name}/{quote(prefix)}".rstrip("/")

    def is_at(self, url: str) -> bool:
        return url.startswith("s3:") and parse_url(url) == self._bucket.place

    def make_durable(self) -> None:
        """What S3 tells of is durable."""

    def folders(self, folder: str, report: Report) -> Collection[str]:  # noqa: ARG002  # there is nothing to tell
        return self._folders.get(folder, ())

    def read_links(self, paths: Sequence[str], likely: Collection[str], report: Report) -> Iterator[LinkFile | None]:
        """Raises `StoreUnavailable`."""
        contents = {hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(): text.encode() for text in likely}
        with ThreadPoolExecutor(READERS) as threads:
            for path, read in zip(paths, threads.map(lambda path: self._read(path, contents), paths), strict=True):
                if isinstance(read, str):
                    report(path, read)
                yield None if isinstance(read, str) else read

    def open(self, location: str) -> S3Reader:
        return S3Reader(self._bucket, location, self.size(location))

    def size(self, location: str) -> int:
        size = self._list_sizes().get(location)
        if size is None:
            raise BlobMissing(f"nothing is kept at {location}")
        return size

    @cached_property
    def _files(self) -> dict[str, Listed]:
        return {file.key: file for file in self._bucket.objects(f"{REPOSITORIES}/") if _LINK.fullmatch(file.key)}

    @cached_property
    def _folders(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for path in self._files:
            folder = path.rpartition("/")[0]
            while folder != REPOSITORIES:
                parent, _, name = folder.rpartition("/")
                if name in found[parent]:
                    break
                found[parent].add(name)
                folder = parent
        return found

    def _list_sizes(self) -> dict[str, int]:
        """Of all blobs. Listed after the links, so that every blob that a link names is among them."""
        with self._lock:
            if self._sizes is None:
                self._sizes = {file.key: file.size for file in self._bucket.objects(f"{BLOBS}/")}
        return self._sizes

    def _read(self, path: str, contents: Mapping[str, bytes]) -> LinkFile | str | None:
        """A link, or what is the matter with it; None when it is gone."""
        file = self._files.get(path)
        if file is None:
            return None
        if file.size > LINK_LIMIT:
            return "is not a link"
        content = contents.get(file.tag)
        try:
            if content is None or len(content) != file.size:
                with closing(S3Reader(self._bucket, path, file.size)) as reader:
                    content = reader.read(0, file.size)
        except BlobMissing:
            return None
        except StoreUnavailable:
            raise
        except BlobStoreError as error:
            return f"cannot be read: {error}"
        return LinkFile(content, file.written_at)


def find_bucket(bucket: Bucket) -> LegacyBucket:
    """The storage that the bucket's prefix is, or is one of the folders `docker/registry/v2` of.

    Raises `NotLegacyStorage`, and `BlobStoreError` when the bucket cannot be used.
    """
    bucket.check()
    for root in possible_roots(PurePosixPath("/", bucket.place[1])):
        found = bucket.at(str(root).strip("/"))
        if any(True for _ in found.objects(f"{REPOSITORIES}/")):
            return LegacyBucket(found)
    raise not_legacy(LegacyBucket(bucket).url)
