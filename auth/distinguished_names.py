"""Distinguished names of LDAP (RFC 4514): two spellings of one name become the same text."""

import re

LONGEST = 512
_PAIR = r"\\(?:[0-9A-Fa-f]{2}|[ \"#+,;<=>\\])"
_TYPE = r"(?P<type>[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
_PART = re.compile(rf" *{_TYPE} *=(?P<value>(?:[^\\\",;+<>\x00-\x1f\x7f]|{_PAIR})*)(?P<end>[,;+]|\Z)")
_PIECE = re.compile(rf"{_PAIR}|.")
_SPACES = re.compile(" +")
_SPECIAL = re.compile(r"[\"#+,;<=>\\]")


class BadName(ValueError):
    """A text is no distinguished name."""


def normal_dn(text: str) -> str:
    """The one spelling of a name: case, spaces that do not count, and how characters are escaped make no difference.

    Raises `BadName`.
    """
    return ",".join(_parts(text))


def is_below(dn: str, base: str) -> bool:
    """Whether a name is the base or stands below it; everything does where the base is empty. Raises `BadName`."""
    above = _parts(base) if base else []
    return not above or _parts(dn)[-len(above) :] == above


def _parts(text: str) -> list[str]:
    """The relative names, the innermost first; each is a set of types with their values."""
    if len(text) > LONGEST:
        raise BadName(f"a distinguished name has at most {LONGEST} characters")
    parts: list[list[str]] = [[]]
    position, end = 0, ","
    while end:
        match = _PART.match(text, position)
        if match is None:
            raise BadName(f"{text[:80]!r} is no distinguished name, such as cn=crew,dc=example,dc=com")
        parts[-1].append(f"{match['type'].lower()}={_normal(match['value'])}")
        position, end = match.end(), match["end"]
        if end and end != "+":
            parts.append([])
    return ["+".join(sorted(part)) for part in parts]


def _normal(value: str) -> str:
    """As `caseIgnoreMatch` compares (RFC 4517, section 4.2.11); what is told in hexadecimal stays that."""
    if value.lstrip(" ").startswith("#"):
        return value.strip(" ").lower()
    try:
        plain = b"".join(map(_bytes, _PIECE.findall(value))).decode()
    except UnicodeError:
        raise BadName("a value of a distinguished name is not UTF-8") from None
    folded = _SPACES.sub(" ", plain.casefold()).strip(" ")
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", folded)


def _bytes(piece: str) -> bytes:
    return bytes.fromhex(piece[1:]) if len(piece) == 3 else piece[-1].encode()
