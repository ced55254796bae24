"""`make bench`: measures Cove beside its peers. The environment narrows it:

BENCH_ROWS=get-tag-16,push-big   these rows only
BENCH_ROUNDS=3                   how often each is measured
BENCH_QUICK=1                    little of everything, to see that it works
BENCH_DISTRIBUTION=/path, BENCH_OLAREG, BENCH_DOCKER_REGISTRY   binaries of the peers
BENCH_OUT=folder                 where the results go
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import machine
from tests.bench.contests import Contest, against_itself, against_peers, only_cove
from tests.bench.excerpt import put_into
from tests.bench.peers import ROOT, Bucket
from tests.bench.report import Report, cell
from tests.bench.rows import QUICK, Row, Scale, rows
from tests.bench.runs import Result, measure
from tests.bench.soak import soak
from tests.cluster.services import object_storage, started
from tests.storage.s3_server import BUCKET, ENVIRONMENT

WHOLE = ROOT / "docs/benchmarks"


def chosen_scale(environ: Mapping[str, str]) -> Scale:
    scale = QUICK if environ.get("BENCH_QUICK") else Scale()
    return replace(scale, rounds=int(environ.get("BENCH_ROUNDS") or scale.rounds))


def chosen_rows(environ: Mapping[str, str], scale: Scale) -> list[Row]:
    known = {row.name: row for row in rows(scale)}
    wanted = [name for name in environ.get("BENCH_ROWS", "").split(",") if name]
    if unknown := set(wanted) - known.keys():
        raise SystemExit(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [row for row in known.values() if not wanted or row.name in wanted]


def place(environ: Mapping[str, str]) -> Path:
    """Where results go: into the documents, when they are whole."""
    if out := environ.get("BENCH_OUT"):
        return Path(out)
    if environ.get("BENCH_ROWS") or environ.get("BENCH_QUICK"):
        return ROOT / ".bench/results"
    special = "growth" if environ.get("BENCH_GROWTH") else environ.get("BENCH_STORAGE", "")
    return WHOLE / special


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # not without ending the registries
    scale = chosen_scale(os.environ)
    wanted = chosen_rows(os.environ, scale)
    (ROOT / ".bench").mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=ROOT / ".bench")))
        if requests := os.environ.get("BENCH_SOAK"):
            soak(only_cove(stack, folder, scale), int(requests), say)
            return
        contest = contest_of(os.environ, stack, folder, scale)
        results = []
        for row in wanted:
            results.append(measure(row, contest.contenders, contest.missing, scale.rounds, folder))
            say(progress(results[-1]))
        report = Report(contest.view, results, about(contest, scale, folder))
    say(f"\n{report.tables()}")
    report.save(place(os.environ))
    if place(os.environ) == WHOLE:
        put_into(ROOT / "README.md", json.loads((WHOLE / "results.json").read_text()))


def contest_of(environ: Mapping[str, str], stack: ExitStack, folder: Path, scale: Scale) -> Contest:
    if environ.get("BENCH_GROWTH"):
        return against_itself(stack, folder, scale)
    return against_peers(stack, folder, scale, bucket_of(environ, stack, folder))


def bucket_of(environ: Mapping[str, str], stack: ExitStack, folder: Path) -> Bucket | None:
    if environ.get("BENCH_STORAGE") != "s3":
        return None
    storage = stack.enter_context(started(object_storage(folder)))
    return Bucket(f"http://{storage.address}", BUCKET, ENVIRONMENT)


def about(contest: Contest, scale: Scale, folder: Path) -> dict[str, dict[str, str]]:
    """What the figures depend on."""
    return {
        "run": {"measured": datetime.now(UTC).strftime("%Y-%m-%d"), "rounds": str(scale.rounds)},
        "machine": machine.describe(folder),
        "versions": {contents.server.kind.name: contents.server.kind.version() for contents in contest.contenders},
    }


def progress(result: Result) -> str:
    """One line on a row that was just measured."""
    cells = [f"{name} {cell(figure)}" for name, figure in result.figures.items()]
    return f"{result.row.title} ({result.row.unit}): {', '.join(cells)}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
