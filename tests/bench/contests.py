"""Who is measured against whom: Cove against its peers, or against itself with less in it."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.bench.peers import KINDS, PROJECT, Bucket, NotMeasured, settle_in, start
from tests.bench.report import Column, View, ratio, short
from tests.bench.rows import Contents, Scale
from tests.bench.runs import Result

_COVE, *_PEERS = KINDS
_DURABLE = [kind.name for kind in _PEERS if kind.is_durable]
_BASELINE = "distribution"


@dataclass(frozen=True, slots=True)
class Contest:
    """`missing` are those who could not be started, and why."""

    view: View
    contenders: Sequence[Contents]
    missing: Mapping[str, str]


def against_peers(stack: ExitStack, folder: Path, scale: Scale, bucket: Bucket | None) -> Contest:
    contenders, missing = [], {}
    for kind in KINDS:
        try:
            server = start(stack, kind, folder / kind.name, bucket)
        except NotMeasured as error:
            missing[kind.name] = str(error)
            continue
        settle_in(server)
        contenders.append(Contents(kind.name, server, scale))
    return Contest(_peers_view(scale), contenders, missing)


def against_itself(stack: ExitStack, folder: Path, scale: Scale) -> Contest:
    """With so many tags, manifests and blobs in the repository that everything is read from."""
    contenders = []
    for size in scale.sizes:
        # A snapshot of a million takes longer than many rows, once an hour.
        server = start(stack, _COVE, folder / f"with-{size}", COVE_SNAPSHOT_SECONDS="0")
        settle_in(server)
        contents = Contents(f"{size:,}", server, replace(scale, tags=size), repository=f"{PROJECT}/tags")
        assert contents.with_tags == contents.repository
        contenders.append(contents)
    return Contest(_growth_view([contents.name for contents in contenders]), contenders, {})


def only_cove(stack: ExitStack, folder: Path, scale: Scale) -> Contents:
    server = start(stack, _COVE, folder / _COVE.name)
    settle_in(server)
    return Contents(_COVE.name, server, scale)


def _peers_view(scale: Scale) -> View:
    introduction = f"""\
# Cove beside its peers

`make bench` starts Cove as it is shipped (tokens, durable commits, SQLite and a folder) and its peers without accounts,
gives all of them the same work from the same machine, row by row in turns, and writes this page. Figures are medians. A
ratio above 1 says that Cove is better, in what should be small too. "Best durable" leaves out olareg, which answers a
push before it is on the disk. An image has five layers of 20 kB; lists are of {scale.tags:,} tags of a repository,
and of {scale.repositories:,} repositories. The spread is half of what lies between Cove's least and greatest figure.
What is small is got by wrk; the rest, and HEAD, is done by programs that send what Docker sends.
"""
    peers = [kind.name for kind in _PEERS]
    columns: dict[str, Column] = {
        "Cove / best": partial(_ratio, others=peers),
        "Cove / best durable": lambda result: _ratio(result, _DURABLE) if result.row.writes else "",
        f"Cove / {_BASELINE}": partial(_ratio, others=[_BASELINE]),
        "spread": _spread,
    }
    return View(introduction, [kind.name for kind in KINDS], _BASELINE, columns)


def _growth_view(names: Sequence[str]) -> View:
    first, middle, last = names
    introduction = f"""\
# Cove with much in it

`make bench` with `BENCH_GROWTH=1` gives three Coves the same work in turns, as on the page of its peers. They differ in
how many tags, and as many manifests and blobs, are in the repository that everything is pulled from. A change is what
the largest does more than another, or needs less; below zero it is worse. Lists, which are longer in it, compare from
{middle} on. Hourly snapshots are off.
"""
    columns = {f"change from {name}": partial(_change, first=name, last=last) for name in (first, middle)}
    return View(introduction, names, first, columns)


def _ratio(result: Result, others: Sequence[str]) -> str:
    return short(ratio(result, _COVE.name, others))


def _spread(result: Result) -> str:
    ours = result.figures[_COVE.name]
    return f"±{ours.spread:.0%}" if ours.median() else ""


def _change(result: Result, first: str, last: str) -> str:
    found = ratio(result, last, [first])
    return f"{found - 1:+.0%}" if found else ""
