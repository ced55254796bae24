"""What a check of the registry finds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["database", "storage", "manifest", "tag", "blob", "object", "upload", "usage", "mark"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: `subject` and `what` make a sentence, such as "sha256:... is missing".

    `repositories` and `tags` (as `repository:tag`) are those that it concerns. It is `mended` where nothing more has to
    be done about it.
    """

    kind: Kind
    subject: str
    what: str
    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    mended: bool = False


@dataclass(slots=True)
class CheckReport:
    """How much was looked at, the bytes of blobs that were read, and what was found."""

    manifests: int = 0
    tags: int = 0
    blobs: int = 0
    bytes_read: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> int:
        """How many findings are not mended."""
        return sum(not finding.mended for finding in self.findings)

    def tell(
        self,
        kind: Kind,
        subject: str,
        what: str,
        *,
        repositories: Iterable[str] = (),
        tags: Iterable[str] = (),
        mended: bool = False,
    ) -> None:
        self.findings.append(Finding(kind, subject, what, tuple(repositories), tuple(tags), mended))
