"""Tells what was measured: in tables, in a plot, and everything in JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.peers import KINDS
from tests.bench.plots import plot
from tests.bench.runs import Figure, Result

COVE, BASELINE = "cove", "distribution"
NAMES = [kind.name for kind in KINDS]
PEERS = [name for name in NAMES if name != COVE]
DURABLE = [kind.name for kind in KINDS if kind.is_durable and kind.name != COVE]
_INTRODUCTION = """\
# Cove beside its peers

`make bench` starts Cove as it is shipped (tokens, durable commits, SQLite and a folder) and its peers without accounts,
gives all of them the same work from the same machine, row by row in turns, and writes this page. Figures are medians. A
ratio above 1 says that Cove is better, in what should be small too. "Best durable" leaves out olareg, which answers a
push before it is on the disk. An image has five layers of 20 kB. The spread is half of what lies between Cove's least
and greatest figure. Small things are got by wrk, the rest is done by processes that send what Docker sends.

![Each registry compared with distribution](results.svg)
"""


@dataclass(frozen=True, slots=True)
class Report:
    """`about` is what the figures depend on."""

    results: Sequence[Result]
    about: Mapping[str, Mapping[str, str]]

    def tables(self) -> str:
        """Medians and ratios, what they cost, and notes on both; Markdown."""
        notes = [f"* {note}" for note in (*_disk_notes(self.results), *_reasons(self.results))]
        return "\n".join([*_medians(self.results), "", *_costs(self.results), "", *notes])

    def save(self, folder: Path) -> None:
        """As `README.md`, `results.json` and `results.svg`."""
        facts = [f"* {name}: {value}" for group in self.about.values() for name, value in group.items()]
        page = "\n".join([_INTRODUCTION, *facts, "", self.tables()])
        rows = [_entry(result) for result in self.results]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "README.md").write_text(f"{page}\n")
        (folder / "results.json").write_text(json.dumps({**self.about, "rows": rows}, indent=1) + "\n")
        (folder / "results.svg").write_text(plot(dict(_comparisons(self.results)), NAMES, BASELINE))


def progress(result: Result) -> str:
    """One line on a row that was just measured."""
    cells = [f"{name} {_cell(result.figures[name])}" for name in NAMES]
    return f"{result.row.title} ({result.row.unit}): {', '.join(cells)}"


def _medians(results: Sequence[Result]) -> Iterator[str]:
    yield _line(["", "", *NAMES, "Cove / best", "Cove / best durable", f"Cove / {BASELINE}", "spread"])
    yield _line(["---", "---", *["--:"] * (len(NAMES) + 4)])
    for result in results:
        row, ours = result.row, result.figures[COVE]
        compared = [PEERS, DURABLE if row.writes else [], [BASELINE]]
        ratios = [_short(ratio(result, others)) for others in compared]
        cells = [_cell(result.figures[name]) for name in NAMES]
        yield _line([row.title, row.unit, *cells, *ratios, f"±{ours.spread:.0%}" if ours.median() else ""])


def ratio(result: Result, others: Sequence[str]) -> float | None:
    """How many times better Cove is than the best of `others`."""
    ours = result.figures[COVE].median()
    theirs = [value for name in others if (value := result.figures[name].median())]
    if not ours or not theirs:
        return None
    return min(theirs) / ours if result.row.is_gauge else ours / max(theirs)


def _costs(results: Sequence[Result]) -> Iterator[str]:
    """Processor time of each registry, and of what made the load."""
    yield _line(["CPU seconds for a thousand", "", *NAMES, "the load"])
    yield _line(["---", "---", *["--:"] * (len(NAMES) + 1)])
    for result in results:
        if not result.row.is_gauge:
            loads = [cost for figure in result.figures.values() if (cost := figure.median("load_cpu"))]
            cells = [_short(result.figures[name].median("cpu")) for name in NAMES]
            load = _short(median(loads) if loads else None)
            yield _line([result.row.title, result.row.unit.removesuffix("/s"), *cells, load])


def _disk_notes(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        disk, ours = result.beside.median(), result.figures[COVE].median()
        if disk and ours:
            yield f"{result.row.title}: dd with conv=fsync writes {disk:,.0f} MB/s, Cove {ours / disk:.2f} of that."


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    """Why figures are missing."""
    rows: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for name, figure in result.figures.items():
            if figure.reason:
                rows.setdefault((name, figure.reason), []).append(result.row.title)
    for (name, reason), titles in rows.items():
        yield f"{name}, {'everywhere' if len(titles) == len(results) else '; '.join(titles)}: {reason}."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(figure: Figure) -> str:
    return _short(figure.median()) or "n/a"


def _short(value: float | None) -> str:
    """Three digits, or as many as there are before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _comparisons(results: Sequence[Result]) -> Iterator[tuple[str, dict[str, float]]]:
    """How many times better each registry is than the baseline, in the rows where that has a figure."""
    for result in results:
        base, power = result.figures[BASELINE].median(), -1 if result.row.is_gauge else 1
        if base:
            medians = {name: result.figures[name].median() for name in NAMES}
            yield result.row.title, {name: (value / base) ** power for name, value in medians.items() if value}


def _entry(result: Result) -> dict[str, object]:
    figures = {name: _figure(figure) for name, figure in result.figures.items()}
    row = result.row
    return {"name": row.name, "title": row.title, "unit": row.unit, "figures": figures, "disk": result.beside.median()}


def _figure(figure: Figure) -> dict[str, object]:
    if figure.reason:
        return {"reason": figure.reason}
    return {"median": figure.median(), "samples": [asdict(sample) for sample in figure.samples]}
