"""What the commands that copy a registry say about it."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from registry.commands.progress import ProgressLine
from registry.core.copiers import CopyReport, Damage
from registry.values import size_text


def show(line: ProgressLine, report: CopyReport) -> None:
    """How far the copying is."""
    if line.is_due:
        known = f"{report.blobs + report.blobs_before:,} blobs, {size_text(report.bytes)} copied"
        line.show(f"{known}, {report.rows:,} records" if report.rows else known)


def damaged_lines(heading: str, damaged: Sequence[Damage]) -> list[str]:
    if not damaged:
        return []
    return [f"{heading}: {len(damaged):,}."] + [
        f"  {damage.digest} ({', '.join(damage.repositories) or 'in no repository'}) {damage.what}"
        for damage in damaged
    ]


def settings_lines(settings: Mapping[str, str]) -> list[str]:
    """The variables of the environment to start with."""
    return [f"  {name}={shown(value)}" for name, value in settings.items()]


def shown(url: str) -> str:
    """The address without a password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))
