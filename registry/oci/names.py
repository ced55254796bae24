"""Names of projects, repositories, tags and digests, as they stand in a URL.

Every pattern is matched against the whole text, from a closed set of characters: nothing that could traverse a path,
end a line or look like another name is among them. No text matches in two ways, so matching takes linear time.
"""

import re
from dataclasses import dataclass

from registry.errors import DigestInvalid, NameInvalid, TagInvalid
from storage.digest import Digest, InvalidDigest

NAME_LIMIT = 255
DEFAULT_PROJECT = "library"

_PROJECT = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"({_COMPONENT})/({_COMPONENT}(?:/{_COMPONENT})*)")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def parse_project(text: str) -> str:
    """The name of a project to be made, by Harbor's rule, which is stricter than that of a repository's first segment.

    Raises `NameInvalid`.
    """
    if len(text) > NAME_LIMIT or not _PROJECT.fullmatch(text):
        raise NameInvalid(
            f"{text[:80]!r} is not a project name: use 1 to {NAME_LIMIT} lower-case letters and digits,"
            " with single '.', '_' or '-' between them"
        )
    return text


@dataclass(frozen=True, slots=True, order=True)
class RepositoryName:
    """A project and the path of a repository in it (distribution spec, section "Pulling manifests")."""

    project: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "RepositoryName":
        """Read `project/path`; a single segment is a repository of the project `library`.

        At most 255 characters, the project included. Raises `NameInvalid`.
        """
        full = text if "/" in text else f"{DEFAULT_PROJECT}/{text}"
        match = _REPOSITORY.fullmatch(full) if len(full) <= NAME_LIMIT else None
        if match is None:
            raise NameInvalid(
                f"{text[:80]!r} is not a repository name: use segments of lower-case letters and digits separated by"
                f" '.', '_', '__' or '-', joined by '/', {NAME_LIMIT} characters at most with the project"
            )
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.project}/{self.path}"

    def at(self, reference: str) -> str:
        """The name of a manifest by its tag or its digest, as clients write it: `team/app:1`, `team/app@sha256:...`."""
        return f"{self}{'@' if ':' in reference else ':'}{reference}"


def parse_tag(text: str) -> str:
    """A tag (distribution spec, section "Pulling manifests"). Raises `TagInvalid`."""
    if not _TAG.fullmatch(text):
        raise TagInvalid(
            f"{text[:80]!r} is not a tag: use 1 to 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"
        )
    return text


def parse_digest(text: str) -> Digest:
    """A digest of a supported algorithm. Raises `DigestInvalid`."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise DigestInvalid(str(error)) from None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a manifest is asked for by: a tag or a digest, never both."""

    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """A text with a colon is a digest, which no tag can contain. Raises `DigestInvalid`, `TagInvalid`."""
        return cls(digest=parse_digest(text)) if ":" in text else cls(tag=parse_tag(text))

    def __str__(self) -> str:
        return str(self.digest or self.tag)
