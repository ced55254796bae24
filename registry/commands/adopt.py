"""`cove adopt`: the storage of docker-distribution, taken over where it lies."""

from dataclasses import asdict
from functools import partial

import click

from registry.chosen import bounds
from registry.commands.failures import Failure
from registry.commands.outcomes import Done, Record
from registry.commands.progress import ProgressLine
from registry.commands.records import Data, on_data
from registry.core.adoption import Adoption
from registry.core.identity import must_be_ours
from registry.core.legacy_files import AdoptionReport
from registry.places import s3_options, storage_url
from registry.values import size_text
from storage.legacy import LegacyMedium, NotLegacyStorage
from storage.metadata import blobs
from storage.stores import open_legacy


class _Place(click.Path):
    """A folder that exists, or an address of S3."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # type: ignore[override]  # nobody gives it anything but text
        return value if value.startswith("s3:") else str(super().convert(value, param, ctx))


@click.command("adopt")
@click.argument("path", type=_Place(exists=True, file_okay=False))
@click.option("--verify", is_flag=True, help="Read every blob and leave out those that are damaged.")
@on_data
def command(data: Data, path: str, *, verify: bool) -> Done:
    """Take over the storage of registry:2 or Harbor in place.

    PATH is the folder or s3://bucket/prefix that holds docker/registry/v2, or one of these. No blob is copied and
    nothing is deleted: Cove uses what is there, so COVE_STORAGE_URL must name the same place. Missing projects are
    made, and are private; a repository without a project goes into `library`. What is damaged is reported and left out.

    It can be run again after more pushes to the old registry; at last, stop that, run it once more and start Cove.
    Harbor keeps its own list of tags: those made or deleted on its page are not known to its storage.
    """
    try:
        medium = open_legacy(path, s3_options(data.config))
    except (NotLegacyStorage, ValueError) as error:
        raise Failure(str(error)) from error
    _must_be_in_place(data, medium)
    must_be_ours(data.database, data.store, medium.root)
    line = ProgressLine()
    report = Adoption(
        data.database,
        medium,
        manifest_limit=data.config.manifest_limit_bytes,
        bounds=bounds(data.config),
        quota=data.config.quota_bytes,
        verify=verify,
        progress=partial(_show, line),
    ).run()
    line.clear()
    return Done(_record(medium.root, report), _sentences(medium.root, report))


def _show(line: ProgressLine, report: AdoptionReport) -> None:
    if line.is_due:
        manifests, tags = report.manifests + report.manifests_before, report.tags + report.tags_before
        verified = f", {size_text(report.bytes_read)} verified" if report.bytes_read else ""
        line.show(f"{manifests:,} manifests, {tags:,} tags{verified}")


def _must_be_in_place(data: Data, medium: LegacyMedium) -> None:
    if medium.is_at(storage_url(data.config)):
        return
    with data.database.read() as tx:
        kept, _ = blobs.count(tx)
    if kept:
        raise Failure(
            f"this registry keeps its blobs elsewhere and has {kept} already: adopt {medium.root} into a new one,"
            f" with another data folder and COVE_STORAGE_URL={medium.url}"
        )
    raise Failure(
        f"the blobs are used where they are, so set COVE_STORAGE_URL={medium.url} for this and for `cove serve`"
    )


def _record(root: str, report: AdoptionReport) -> Record:
    return {"root": root, **asdict(report), "public_projects": sorted(report.public_projects)}


def _sentences(root: str, report: AdoptionReport) -> str:
    lines = [
        f"Adopted from {root}:",
        f"  {report.projects:,} new projects, {report.repositories:,} new repositories",
        f"  {report.manifests:,} manifests; {report.manifests_before:,} were here before",
        f"  {report.tags:,} tags, {report.tags_moved:,} moved; {report.tags_before:,} were here before",
        f"  {report.blobs:,} blobs of {size_text(report.bytes)}, where they are",
    ]
    if report.tags_kept:
        lines.append(f"Tags that were pushed here later than there, and stay as they are: {report.tags_kept:,}.")
    if report.problems:
        lines.append(f"Problems: {len(report.problems):,}.")
        lines += [f"  {_printable(problem.path)} {_printable(problem.what)}" for problem in report.problems]
    for project in sorted(report.public_projects):
        lines.append(f"Everybody may pull from {project}: `cove project private {project}` changes that.")
    lines.append("From now on only one of the two registries may write: keep the old one stopped, or read-only.")
    return "\n".join(lines)


def _printable(text: str) -> str:
    """A file's name may be no text at all, or one that steers the terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]
