"""Bodies of requests, read into models. Fields that a model does not have are left aside, as Harbor does."""

from typing import TypeVar

import msgspec

from registry.errors import BadQuery, ManifestInvalid, Unprocessable
from registry.oci.documents import parse_object

T = TypeVar("T")


def parse_body(body: bytes, model: type[T]) -> T:
    """Raises `BadQuery` for what is no sound JSON object, and `Unprocessable` for one that is not as the model says."""
    try:
        document = parse_object(body)
    except ManifestInvalid as error:
        raise BadQuery(f"bad request: {error.message}") from None
    try:
        return msgspec.convert(document, model)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"validation failure: {error}") from None
