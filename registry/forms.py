"""Forms, as browsers and the older clients of the token service send them."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from registry.errors import RequestInvalid

_FIELDS_LIMIT = 200  # a robot of the system has a field for each of its rights


def parse_form(body: bytes) -> dict[str, list[str]]:
    """Raises `RequestInvalid`."""
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_LIMIT, errors="strict")
    except ValueError:
        raise RequestInvalid("the form is not application/x-www-form-urlencoded") from None


def field_of(form: Mapping[str, Sequence[str]], name: str) -> str:
    """The first value of a field, or nothing."""
    return form.get(name, [""])[0]
