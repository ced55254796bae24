"""`cove fsck`: is everything there, and as it should be?"""

import sys
from dataclasses import asdict
from functools import partial
from itertools import groupby

import click

from registry import values
from registry.commands.outcomes import Done, Record
from registry.commands.progress import ProgressLine
from registry.commands.records import Data, on_data
from registry.core.checking import Check, Extent
from registry.core.findings import CheckReport, Finding
from registry.oci.bounds import Bounds
from registry.places import storage_url
from registry.values import size_text

_LISTED = 100  # findings of one kind that are shown to people
_TITLES = {
    "database": "Database",
    "storage": "Storage",
    "manifest": "Manifests",
    "tag": "Tags",
    "blob": "Blobs",
    "object": "Objects in the storage",
    "upload": "Uploads",
    "usage": "Projects",
    "mark": "Marks for cleaning up",
}
# What was taken once is not too much for being looked at, whatever the limits are by now.
_WIDE = Bounds(depth=256, descriptors=sys.maxsize, annotations=sys.maxsize, annotation_bytes=sys.maxsize)


def _rate(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    try:
        return values.size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("fsck")
@click.option("--read", "reads", is_flag=True, help="Read every blob and compare its digest.")
@click.option(
    "--rate", metavar="SIZE", default="64MiB", callback=_rate, help="Read so much in a second at most. Default: 64MiB."
)
@click.option("--repair", "repairs", is_flag=True, help="Mend what can be mended without a loss.")
@click.option("--accept-storage", "accepts", is_flag=True, help="With --repair: use the storage, even if it is empty.")
@on_data
def command(data: Data, *, reads: bool, rate: int, repairs: bool, accepts: bool) -> Done:
    """Check that everything is there and as it should be.

    Servers may run meanwhile. Without --repair nothing is changed. With it, damaged blobs are not served any more, and
    a push of the same content mends them; what no record names is cleaned up; and what is counted is counted anew.
    Nothing that a manifest needs is ever deleted. The exit status is 1 while problems remain.
    """
    if accepts and not repairs:
        raise click.UsageError("--accept-storage goes with --repair")
    config, line = data.config, ProgressLine()
    extent = Extent(
        reads=reads,
        rate=rate,
        repairs=repairs,
        accepts=accepts,
        sparse=config.sparse_manifests,
        bounds=_WIDE,
        expiry_ms=config.upload_expiry_seconds * 1000,
    )
    try:
        check = Check(data.database, data.store, storage_url(config), extent, progress=partial(_show, line))
        report = check.run()
    finally:
        line.clear()
    return Done(_record(report), _sentences(report), status=1 if report.problems else 0)


def _show(line: ProgressLine, report: CheckReport) -> None:
    if line.is_due:
        line.show(_counts(report))


def _counts(report: CheckReport) -> str:
    read = f"; {size_text(report.bytes_read)} read" if report.bytes_read else ""
    numbers = ((report.manifests, "manifest"), (report.tags, "tag"), (report.blobs, "blob"))
    counted = ", ".join(f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in numbers)
    return f"Checked {counted}{read}."


def _record(report: CheckReport) -> Record:
    return {**asdict(report), "problems": report.problems}


def _sentences(report: CheckReport) -> str:
    lines = [_counts(report)]
    order = list(_TITLES)
    findings = sorted(report.findings, key=lambda finding: order.index(finding.kind))
    for kind, group in groupby(findings, key=lambda finding: finding.kind):
        found = list(group)
        lines.append(f"{_TITLES[kind]}:")
        lines += [f"  {_sentence(finding)}" for finding in found[:_LISTED]]
        if len(found) > _LISTED:
            lines.append(f"  ... and {len(found) - _LISTED:,} more: --json tells of them all.")
    return "\n".join([*lines, _end(report)])


def _sentence(finding: Finding) -> str:
    concerned = ""
    if finding.kind == "blob":
        names = ", ".join(finding.tags or finding.repositories)
        concerned = f" Needed by {names}." if finding.tags else f" In {names}, where no tag needs it."
    return f"{finding.subject} {finding.what}.{' Mended.' if finding.mended else ''}{concerned}"


def _end(report: CheckReport) -> str:
    if not report.findings:
        return "Everything is as it should be."
    mended = len(report.findings) - report.problems
    return f"Problems: {report.problems:,}; mended: {mended:,}."
