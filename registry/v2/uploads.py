"""Uploads of blobs: begin, mount, append, finish, look, cancel (distribution spec, end-4 to 6, end-11 to 14)."""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from registry.contracts import BYTES, answers
from registry.core.blobs import Blobs
from registry.core.transfers import Transfers
from registry.core.uploads import OpenUpload, Uploads
from registry.errors import BlobUploadUnknown, DigestInvalid, SizeInvalid
from registry.oci.names import RepositoryName, parse_digest
from registry.oci.ranges import parse_content_range
from registry.threads import Threads, to_the_end
from registry.v2.streams import pour
from registry.v2.transfers import transfer_of
from registry.web import Call
from storage.digest import HEX_LENGTHS, Digest
from storage.metadata.uploads import UploadRecord


class UploadEndpoints:
    """`chunk_min` is the least size in bytes that clients are told to give a chunk; 0 tells them nothing."""

    def __init__(
        self, uploads: Uploads, blobs: Blobs, threads: Threads, transfers: Transfers, *, chunk_min: int
    ) -> None:
        self._uploads = uploads
        self._blobs = blobs
        self._threads = threads
        self._transfers = transfers
        self._chunk_min = chunk_min

    @answers(
        takes=BYTES, status=202, query=("mount", "from", "digest", "digest-algorithm"), refuses=(201, 400, 413, 507)
    )
    async def post(self, call: Call) -> Response:
        """Begin a session; with `mount` take the blob from another repository, with `digest` take it from the body."""
        digest = _optional_digest(call, "digest")
        mounted = await to_the_end(self._threads.uploads, self._mount, call)
        if mounted:
            return _created(call, mounted)
        algorithm = digest.algorithm if digest else _algorithm(call)
        record = await to_the_end(self._threads.uploads, self._uploads.start, call.actor, call.repository, algorithm)
        if digest is None:
            return self._session(call, record, 202)
        try:
            return await self._receive_last(call, record.id, digest)
        except BaseException:
            with suppress(BlobUploadUnknown):  # nobody knows of this session, so it does not outlive a failure
                await to_the_end(self._threads.uploads, self._uploads.cancel, call.actor, call.repository, record.id)
            raise

    @answers(takes=BYTES, status=202, refuses=(400, 413, 416, 507))
    async def patch(self, call: Call) -> Response:
        chunk = parse_content_range(call.header("content-range"))
        _must_agree(call, chunk)
        upload = await self._open(call, call.path("upload"), chunk, autosave=True)
        try:
            await self._receive(call, upload, chunk)
            record = await to_the_end(self._threads.uploads, upload.save)
        finally:
            await to_the_end(self._threads.uploads, upload.close)
        return self._session(call, record, 202)

    @answers(takes=BYTES, status=201, query=("digest!",), refuses=(400, 413, 416, 507))
    async def put(self, call: Call) -> Response:
        digest = _optional_digest(call, "digest")
        if digest is None:
            raise DigestInvalid("the digest of the content is missing: give it as ?digest=")
        return await self._receive_last(call, call.path("upload"), digest)

    @answers(status=204)
    def get(self, call: Call) -> Response:
        return self._session(call, self._uploads.find(call.actor, call.repository, call.path("upload")), 204)

    @answers(status=204)
    def delete(self, call: Call) -> Response:
        self._uploads.cancel(call.actor, call.repository, call.path("upload"))
        return Response(status_code=204)

    async def _receive_last(self, call: Call, upload_id: str, digest: Digest) -> Response:
        chunk = parse_content_range(call.header("content-range"))
        _must_agree(call, chunk)
        upload = await self._open(call, upload_id, chunk, algorithm=digest.algorithm)
        try:
            await self._receive(call, upload, chunk, digest)
            await to_the_end(self._threads.uploads, upload.finish, digest)
        finally:
            await to_the_end(self._threads.uploads, upload.close)
        return _created(call, digest)

    async def _open(
        self,
        call: Call,
        upload_id: str,
        chunk: tuple[int, int] | None,
        *,
        algorithm: str | None = None,
        autosave: bool = False,
    ) -> OpenUpload:
        def opened() -> OpenUpload:
            return self._uploads.open(
                call.actor,
                call.repository,
                upload_id,
                first_byte=chunk[0] if chunk else None,
                algorithm=algorithm,
                length=int(call.header("content-length") or 0),
                autosave=autosave,
            )

        return await to_the_end(self._threads.uploads, opened)

    async def _receive(
        self, call: Call, upload: OpenUpload, chunk: tuple[int, int] | None, digest: Digest | None = None
    ) -> None:
        """Append the body. What came before a cut or before the server stops is kept, so that the client can resume."""
        length = call.header("content-length")
        total = upload.size + int(length) if length else None
        transfer = transfer_of(call, "upload", digest, total, done=upload.size)

        def append(piece: memoryview) -> None:
            upload.append(piece)
            transfer.done = upload.size

        try:
            with self._transfers.going_on(transfer):
                await pour(call.request.stream(), append, self._threads.uploads)
        except (ClientDisconnect, asyncio.CancelledError):
            await to_the_end(self._threads.uploads, upload.save)
            raise
        if chunk and upload.size != chunk[1] + 1:
            raise SizeInvalid(f"the chunk ends at byte {upload.size - 1}, not at {chunk[1]} as its Content-Range says")

    def _mount(self, call: Call) -> Digest | None:
        digest = _optional_digest(call, "mount")
        if digest and self._blobs.mount(call.actor, call.repository, digest, _source(call)):
            return digest
        return None

    def _session(self, call: Call, record: UploadRecord, status: int) -> Response:
        headers = {
            "Location": f"/v2/{call.repository.name}/blobs/uploads/{record.id}",
            "Range": f"0-{max(record.size - 1, 0)}",
            "Docker-Upload-UUID": record.id,
        }
        if self._chunk_min and status == 202:
            headers["OCI-Chunk-Min-Length"] = str(self._chunk_min)
        return Response(status_code=status, headers=headers)


def _created(call: Call, digest: Digest) -> Response:
    headers = {
        "Location": f"/v2/{call.repository.name}/blobs/{digest}",
        "Docker-Content-Digest": str(digest),
    }
    return Response(status_code=201, headers=headers)


def _optional_digest(call: Call, name: str) -> Digest | None:
    values = call.request.query_params.getlist(name)
    if len(values) > 1:
        raise DigestInvalid(f"'{name}' is given more than once")
    return parse_digest(values[0]) if values else None


def _algorithm(call: Call) -> str:
    algorithm = call.query("digest-algorithm") or "sha256"
    if algorithm not in HEX_LENGTHS:
        raise DigestInvalid(f"digest algorithm {algorithm[:40]!r} is not supported: use {' or '.join(HEX_LENGTHS)}")
    return algorithm


def _source(call: Call) -> RepositoryName | None:
    name = call.query("from")
    return RepositoryName.parse(name) if name else None


def _must_agree(call: Call, chunk: tuple[int, int] | None) -> None:
    length = call.header("content-length")
    if chunk and length is not None and int(length) != chunk[1] - chunk[0] + 1:
        raise SizeInvalid(f"Content-Length {length} and Content-Range {chunk[0]}-{chunk[1]} do not agree")
