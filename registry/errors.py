"""Every error a client can meet: its HTTP status and its code in the OCI error list, and the sentence people read.

Rules raise these; one handler turns them into the JSON of the distribution spec, section "Error Codes". Anything else
that is raised is a bug and becomes a 500 with no detail.

    RegistryError
    +-- NameInvalid, TagInvalid, DigestInvalid, SizeInvalid, ManifestInvalid, PageInvalid, BlobUploadInvalid,
    |   RequestInvalid, BadQuery with RetentionExists     400
    +-- Unauthorized                                      401
    +-- Denied                                            403
    |   +-- QuotaExceeded
    +-- Forbidden                                         403
    +-- NameUnknown, ManifestUnknown, BlobUnknown, BlobUploadUnknown, ManifestBlobUnknown, NotFound   404
    +-- Unsupported                                       405
    +-- Conflict                                          409
    +-- BlobTooLarge, ManifestTooLarge                    413
    +-- PreconditionFailed                                412
    |   +-- TagImmutable, StillReferenced
    +-- TooManyTags                                       414
    +-- UnsupportedMediaType                              415
    +-- UploadRangeInvalid, RangeNotSatisfiable           416
    +-- PageSizeTooLarge, Unprocessable                   422
    +-- TooManyRequests                                   429
    +-- NotProvided                                       501
    +-- Unavailable                                       503
    +-- InsufficientStorage                               507
"""

from collections.abc import Mapping
from typing import ClassVar

from registry.values import size_text


class RegistryError(Exception):
    """Base of all errors with a status and a code. `headers` go into the response beside the JSON."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, detail: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})

    def entries(self) -> list[dict[str, object]]:
        """The `errors` list of the response."""
        return [{"code": self.code, "message": self.message, "detail": self.detail}]


class RequestInvalid(RegistryError):
    """A request that no other code describes: a form that cannot be read, an unknown grant type."""

    status, code = 400, "UNSUPPORTED"


class BadQuery(RegistryError):
    """A query, a header or a path of the management API that cannot be read."""

    status, code = 400, "BAD_REQUEST"


class RetentionExists(BadQuery):
    """A project has one retention policy; Harbor's clients change it when they are told so with this status."""


class NameInvalid(RegistryError):
    status, code = 400, "NAME_INVALID"


class TagInvalid(RegistryError):
    status, code = 400, "TAG_INVALID"


class DigestInvalid(RegistryError):
    status, code = 400, "DIGEST_INVALID"


class SizeInvalid(RegistryError):
    status, code = 400, "SIZE_INVALID"


class ManifestInvalid(RegistryError):
    status, code = 400, "MANIFEST_INVALID"


class PageInvalid(RegistryError):
    status, code = 400, "PAGINATION_NUMBER_INVALID"


class BlobUploadInvalid(RegistryError):
    status, code = 400, "BLOB_UPLOAD_INVALID"


class Unauthorized(RegistryError):
    """Nobody, or nobody we know, or a token that is too narrow: the response carries a challenge.

    `scope` is what a token would need, in Docker's notation; `error` is the challenge's error (RFC 6750, section 3.1).
    """

    status, code = 401, "UNAUTHORIZED"

    def __init__(self, message: str, *, scope: str | None = None, error: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope
        self.error = error


class Denied(RegistryError):
    """A known account without the permission. Clients print the message, so it says who, what and whom to ask."""

    status, code = 403, "DENIED"


class QuotaExceeded(Denied):
    """What is pushed does not fit into its project: `asked` more bytes than the `used` ones of `limit`."""

    def __init__(
        self, project: str, *, used: int, limit: int, asked: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            f"project '{project}' has {size_text(used)} of its {size_text(limit)} in use:"
            f" {size_text(asked)} more do not fit; ask an administrator for more",
            {"project": project, "used": used, "limit": limit, "asked": asked},
            headers,
        )


class Forbidden(RegistryError):
    """A known account without the permission, in the management API, whose clients look for this code."""

    status, code = 403, "FORBIDDEN"


class NotFound(RegistryError):
    """No such endpoint, user or member."""

    status, code = 404, "NOT_FOUND"


class NameUnknown(RegistryError):
    status, code = 404, "NAME_UNKNOWN"


class ManifestUnknown(RegistryError):
    status, code = 404, "MANIFEST_UNKNOWN"


class BlobUnknown(RegistryError):
    status, code = 404, "BLOB_UNKNOWN"


class BlobUploadUnknown(RegistryError):
    status, code = 404, "BLOB_UPLOAD_UNKNOWN"


class ManifestBlobUnknown(RegistryError):
    """A manifest names content that its repository lacks: one entry for each missing digest."""

    status, code = 404, "MANIFEST_BLOB_UNKNOWN"

    def __init__(self, digests: list[str]) -> None:
        super().__init__("the manifest names content that this repository does not have", digests)
        self.digests = digests

    def entries(self) -> list[dict[str, object]]:
        return [
            {"code": self.code, "message": f"blob {digest} is unknown to this repository", "detail": {"digest": digest}}
            for digest in self.digests
        ]


class Unsupported(RegistryError):
    status, code = 405, "UNSUPPORTED"


class Conflict(RegistryError):
    """What is to be made exists, or what is to be removed is still in use."""

    status, code = 409, "CONFLICT"


class PreconditionFailed(RegistryError):
    """What is asked for is well-formed and permitted, but the state of things does not allow it."""

    status, code = 412, "PRECONDITION"


class TagImmutable(PreconditionFailed):
    """A rule of the project keeps the tag where it is."""


class StillReferenced(PreconditionFailed):
    """An artifact that an index needs cannot go before it."""

    code = "VIOLATE_FOREIGN_KEY_CONSTRAINT"


class TooManyTags(RegistryError):
    """More tags in one request than the distribution spec asks a registry to take (section "Pushing Manifests")."""

    status, code = 414, "TAG_INVALID"


class BlobTooLarge(RegistryError):
    status, code = 413, "SIZE_INVALID"


class ManifestTooLarge(RegistryError):
    status, code = 413, "SIZE_INVALID"


class UnsupportedMediaType(RegistryError):
    status, code = 415, "UNSUPPORTED"


class UploadRangeInvalid(RegistryError):
    """A chunk that does not start where the upload ends; the session stays usable."""

    status, code = 416, "BLOB_UPLOAD_INVALID"


class RangeNotSatisfiable(RegistryError):
    """No byte of the content is in the ranges asked for (RFC 9110, section 15.5.17)."""

    status, code = 416, "RANGE_INVALID"


class Unprocessable(RegistryError):
    """A body of the management API that lacks a value, or has one of another type than it should."""

    status, code = 422, "UNPROCESSABLE_ENTITY"


class PageSizeTooLarge(RegistryError):
    """More entries a page than a list gives; Harbor's clients know its sentence."""

    status, code = 422, "UNPROCESSABLE_ENTITY"


class TooManyRequests(RegistryError):
    status, code = 429, "TOOMANYREQUESTS"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class NotProvided(RegistryError):
    """A part of Harbor's API that this registry does not have."""

    status, code = 501, "NOT_IMPLEMENTED"


class Unavailable(RegistryError):
    status, code = 503, "UNAVAILABLE"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class InsufficientStorage(RegistryError):
    """The disk is full. Nothing acknowledged is lost, and pulls go on."""

    status, code = 507, "UNAVAILABLE"


_MANAGEMENT_CODES = {
    400: "BAD_REQUEST",
    403: "DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "REQUEST_ENTITY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUEST",
}


def management_entries(error: RegistryError) -> list[dict[str, object]]:
    """The `errors` list as Harbor's API has it: one entry, a code for each status, no detail."""
    is_forbidden = isinstance(error, Forbidden)
    code = error.code if is_forbidden else _MANAGEMENT_CODES.get(error.status, error.code)
    return [{"code": code, "message": error.message}]
