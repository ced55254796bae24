"""Bodies of requests, read into models. As Harbor does, fields that a model does not have are left aside, and a null
says no more than that nothing is said.
"""

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
        return msgspec.convert(_without_nulls(document), model)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"validation failure: {error}") from None


def _without_nulls(value: object) -> object:
    """The same without the fields of objects that are null."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
