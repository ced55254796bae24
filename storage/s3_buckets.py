"""A bucket of an S3 service: the calls that a blob store makes, with the store's own errors. The only user of boto3.

Calls are repeated, with growing pauses, on what the service asks to repeat (SlowDown, 500, 503) and on broken
connections. Checksums of newer AWS libraries stay off where S3 does not require them: many compatible services refuse
them, and the content has a digest of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError as AnyFailure
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as LibraryConnectionError
from botocore.loaders import Loader, create_loader

from storage.blobs import BlobMissing, BlobStoreError, StoreFull, StoreUnavailable
from storage.s3_options import S3Options

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedMultipartUploadTypeDef

CONNECTIONS = 96
CONNECT_SECONDS = 5
ATTEMPTS = 5
CHECK_SECONDS = 2  # how long a check waits for an answer ...
CHECK_ATTEMPTS = 2  # ... and again, since a connection that was idle for long may be dead

# A part with another tag was sent once more, by a writer that had lost its claim: what was there is gone.
_GONE = {"NoSuchKey", "NoSuchUpload", "NotFound", "404", "InvalidPart"}
_FULL = {"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}
_UNAVAILABLE = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "OperationAborted"}


class Stream:
    """The body of an answer that is still arriving."""

    def __init__(self, body: Any, name: str) -> None:
        self._body = body
        self._name = name

    def read(self, length: int) -> bytes:
        """Up to `length` bytes, none at the end. Raises `StoreUnavailable` when the body breaks off or stalls."""
        with _plain_errors(self._name):
            piece: bytes = self._body.read(length)
        return piece

    def close(self) -> None:
        self._body.close()


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is under way since `begun_at` (UTC, ms since 1970)."""

    key: str
    id: str
    begun_at: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list tells of an object: its bytes, when it was written (UTC, ms since 1970), and its entity tag."""

    key: str
    size: int
    written_at: int
    tag: str


class Bucket:
    """Objects under `prefix` in a bucket; keys are relative to the prefix. Thread-safe."""

    def __init__(self, name: str, prefix: str, options: S3Options) -> None:
        self._name = name
        self._prefix = f"{prefix}/" if prefix else ""
        with _plain_errors(options.endpoint or "S3"):
            make = _clients(options)
            self._client = make(options.endpoint, options.timeout_seconds, ATTEMPTS)
            self._hasty = make(options.endpoint, CHECK_SECONDS, CHECK_ATTEMPTS)
            self._public = make(options.public_endpoint or options.endpoint, options.timeout_seconds, ATTEMPTS)
        self._place: dict[str, Any] = {}
        if options.storage_class:
            self._place["StorageClass"] = options.storage_class
        if options.encryption:
            self._place["ServerSideEncryption"] = options.encryption

    def check(self) -> None:
        """Raises `BlobStoreError`, in words for whoever set it up, when the bucket cannot be used."""
        self._ask_for_it(self._client)

    def check_in_haste(self) -> None:
        """Raises what `check` does, but waits for a few seconds at most."""
        self._ask_for_it(self._hasty)

    @property
    def place(self) -> tuple[str, str]:
        """The bucket's name and the prefix."""
        return self._name, self._prefix.rstrip("/")

    def at(self, prefix: str) -> "Bucket":
        """The same bucket with another prefix; both use the same connections."""
        other = copy(self)
        other._prefix = f"{prefix}/" if prefix else ""
        return other

    def put(self, key: str, content: bytes | bytearray) -> None:
        with _plain_errors(key):
            self._client.put_object(**self._object(key), Body=content, **self._place)  # type: ignore[arg-type]  # see put_part

    def size(self, key: str) -> int:
        """The object's length in bytes. Raises `BlobMissing`."""
        with _plain_errors(key):
            return self._client.head_object(**self._object(key))["ContentLength"]

    def get(self, key: str, start: int) -> Stream:
        """The object's bytes from `start` on, which must be before its end. Raises `BlobMissing`."""
        with _plain_errors(key):
            return Stream(self._client.get_object(**self._object(key), Range=f"bytes={start}-")["Body"], key)

    def delete(self, key: str) -> None:
        """Delete an object; one that is gone already is fine."""
        with suppress(BlobMissing), _plain_errors(key):
            self._client.delete_object(**self._object(key))

    def begin(self, key: str) -> str:
        """Begin a multipart upload, and return its id."""
        with _plain_errors(key):
            return self._client.create_multipart_upload(**self._object(key), **self._place)["UploadId"]

    def put_part(self, key: str, upload: str, number: int, content: bytes | bytearray) -> str:
        """Send a part and return its tag. Raises `BlobMissing` when the upload is gone."""
        with _plain_errors(key):
            return self._client.upload_part(
                **self._object(key),
                UploadId=upload,
                PartNumber=number,
                Body=content,  # type: ignore[arg-type]  # a bytearray is sent without a copy; its stubs do not know it
            )["ETag"]

    def complete(self, key: str, upload: str, tags: Sequence[str], size: int) -> None:
        """Make the parts an object of `size` bytes. Raises `BlobMissing` when the upload is gone.

        The service may finish its work and fail to say so, or be asked again after it did: what counts is the object.
        """
        parts: CompletedMultipartUploadTypeDef = {
            "Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        }
        try:
            with _plain_errors(key):
                self._client.complete_multipart_upload(**self._object(key), UploadId=upload, MultipartUpload=parts)
        except (BlobMissing, StoreUnavailable):
            if not self._has(key, size):
                raise

    def abort(self, key: str, upload: str) -> None:
        """Drop a multipart upload and its parts; one that is gone already is fine."""
        with suppress(BlobMissing), _plain_errors(key):
            self._client.abort_multipart_upload(**self._object(key), UploadId=upload)

    def objects(self, start: str) -> Iterator[Listed]:
        """Objects whose keys begin with `start`."""
        pages = self._client.get_paginator("list_objects_v2")
        with _plain_errors(f"bucket {self._name}"):
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + start):
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self._prefix)
                    tag = found["ETag"].strip('"')
                    yield Listed(key, found["Size"], _milliseconds(found["LastModified"]), tag)

    def uploads(self, start: str) -> Iterator[Upload]:
        """Multipart uploads under way whose keys begin with `start`.

        MinIO names none of them: it looks for that very key, and aborts uploads itself after a day. rclone finds no
        such upload until the first one was begun.
        """
        pages = self._client.get_paginator("list_multipart_uploads")
        with _plain_errors(f"bucket {self._name}"), suppress(self._client.exceptions.NoSuchUpload):
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + start):
                for found in page.get("Uploads", []):
                    key = found["Key"].removeprefix(self._prefix)
                    yield Upload(key, found["UploadId"], _milliseconds(found["Initiated"]))

    def url(self, key: str, seconds: int) -> str:
        """An address where anybody may read the object for so many seconds."""
        wanted = {**self._object(key), "ResponseContentType": "application/octet-stream"}
        with _plain_errors(key):
            return self._public.generate_presigned_url("get_object", wanted, seconds)

    def close(self) -> None:
        for client in (self._client, self._hasty, self._public):
            client.close()

    def _ask_for_it(self, client: "S3Client") -> None:
        try:
            with _plain_errors(f"bucket {self._name}"):
                client.head_bucket(Bucket=self._name)
        except BlobMissing:
            raise BlobStoreError(f"there is no bucket {self._name} at {client.meta.endpoint_url}") from None

    def _object(self, key: str) -> Mapping[str, Any]:
        return {"Bucket": self._name, "Key": self._prefix + key}

    def _has(self, key: str, size: int) -> bool:
        try:
            return self.size(key) == size
        except BlobMissing:
            return False


def _clients(options: S3Options) -> Callable[[str | None, int, int], "S3Client"]:
    """Makes clients for an endpoint, a time-out in seconds, and a number of attempts; they share what it takes."""
    core = botocore.session.Session()
    core.register_component("data_loader", _descriptions())
    session = boto3.session.Session(botocore_session=core)

    def make(endpoint: str | None, seconds: int, attempts: int) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": options.addressing},
            connect_timeout=min(CONNECT_SECONDS, seconds),
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=CONNECTIONS,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return session.client("s3", endpoint_url=endpoint, region_name=options.region, config=config)

    return make


@cache
def _descriptions() -> Loader:
    """What boto3 reads of its descriptions of services: once in a process, which takes a fifth of a second."""
    return create_loader()


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@contextmanager
def _plain_errors(name: str) -> Iterator[None]:
    """Raise the store's own errors in place of the library's."""
    try:
        yield
    except ClientError as error:
        raise _plain(error, name) from error
    except (LibraryConnectionError, HTTPClientError, IncompleteReadError, OSError) as error:
        raise StoreUnavailable(f"S3 does not answer for {name}: {error}") from error
    except (AnyFailure, ValueError) as error:
        raise BlobStoreError(f"S3 cannot be used: {error}") from error


def _plain(error: ClientError, name: str) -> BlobStoreError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _GONE:
        return BlobMissing(f"nothing is kept at {name}")
    if code in _FULL or status == 507:
        return StoreFull(f"no space is left for {name}")
    if code in _UNAVAILABLE or status >= 500 or status == 429:
        return StoreUnavailable(f"S3 cannot serve {name} now: {error}")
    if status in {401, 403}:
        return BlobStoreError(f"S3 denies access to {name}: {error}")
    return BlobStoreError(f"S3 refuses {name}: {error}")
