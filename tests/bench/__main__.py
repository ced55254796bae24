"""`make bench`: measures Cove beside its peers. The environment narrows it:

BENCH_ROWS=get-tag-16,push-big   these rows only
BENCH_ROUNDS=3                   how often each is measured
BENCH_QUICK=1                    little of everything, to see that it works
BENCH_DISTRIBUTION=/path, BENCH_OLAREG, BENCH_DOCKER_REGISTRY   binaries of the peers
BENCH_OUT=folder                 where the results go
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import machine
from tests.bench.peers import KINDS, ROOT, Missing, settle_in, start
from tests.bench.report import Report, progress
from tests.bench.rows import QUICK, Contents, Row, Scale, rows
from tests.bench.runs import measure


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
    is_part = environ.get("BENCH_ROWS") or environ.get("BENCH_QUICK")
    return Path(environ.get("BENCH_OUT") or ROOT / (".bench/results" if is_part else "docs/benchmarks"))


def main() -> None:
    scale = chosen_scale(os.environ)
    wanted = chosen_rows(os.environ, scale)
    scratch = ROOT / ".bench"
    scratch.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=scratch)))
        contenders, missing = start_all(stack, folder, scale)
        results = []
        for row in wanted:
            results.append(measure(row, contenders, missing, scale.rounds, folder))
            say(progress(results[-1]))
        report = Report(results, about(contenders, scale, folder))
    say(f"\n{report.tables()}")
    report.save(place(os.environ))


def start_all(stack: ExitStack, folder: Path, scale: Scale) -> tuple[list[Contents], dict[str, str]]:
    """The registries that could be started, and for the others the reason."""
    contenders, missing = [], {}
    for kind in KINDS:
        try:
            server = start(stack, kind, folder / kind.name)
        except Missing as error:
            missing[kind.name] = str(error)
            continue
        settle_in(server)
        contenders.append(Contents(server, scale))
    return contenders, missing


def about(contenders: Sequence[Contents], scale: Scale, folder: Path) -> dict[str, dict[str, str]]:
    """What the figures depend on."""
    return {
        "run": {"measured": datetime.now(UTC).strftime("%Y-%m-%d"), "rounds": str(scale.rounds)},
        "machine": machine.describe(folder),
        "registries": {contents.server.kind.name: contents.server.kind.version() for contents in contenders},
    }


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
