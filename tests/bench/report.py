"""Tells what was measured: in tables, in a plot, and everything in JSON."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.plots import plot
from tests.bench.runs import Figure, Result

Column = Callable[[Result], str]


@dataclass(frozen=True, slots=True)
class View:
    """How results are shown: the columns beside the figures themselves, and what the plot compares with."""

    introduction: str
    names: Sequence[str]
    baseline: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Report:
    """`about` is what the figures depend on."""

    view: View
    results: Sequence[Result]
    about: Mapping[str, Mapping[str, str]]

    def tables(self) -> str:
        """Medians and what is said of them, what they cost, and why figures are missing; Markdown."""
        notes = [f"* {note}" for note in (*_disk_notes(self.results), *_reasons(self.results))]
        return "\n".join([*self._medians(), "", *self._costs(), "", *notes])

    def save(self, folder: Path) -> None:
        """As `README.md`, `results.json` and `results.svg`."""
        facts = [f"* {name}: {value}" for group in self.about.values() for name, value in group.items()]
        picture = f"![Compared with {self.view.baseline}](results.svg)"
        rows = [_entry(result) for result in self.results]
        comparisons = {result.row.title: found for result in self.results if (found := self._comparison(result))}
        folder.mkdir(parents=True, exist_ok=True)
        page = [self.view.introduction, picture, "", *facts, "", self.tables(), ""]
        (folder / "README.md").write_text("\n".join(page))
        (folder / "results.json").write_text(json.dumps({**self.about, "rows": rows}, indent=1) + "\n")
        (folder / "results.svg").write_text(plot(comparisons, self.view.names, self.view.baseline))

    def _medians(self) -> Iterator[str]:
        names, columns = self.view.names, self.view.columns
        yield _line(["", "", *names, *columns])
        yield _line(["---", "---", *["--:"] * (len(names) + len(columns))])
        for result in self.results:
            cells = [cell(result.figures[name]) for name in names]
            yield _line([result.row.title, result.row.unit, *cells, *(tell(result) for tell in columns.values())])

    def _costs(self) -> Iterator[str]:
        """Processor time of each registry, and of what made the load."""
        yield _line(["CPU seconds for a thousand", "", *self.view.names, "the load"])
        yield _line(["---", "---", *["--:"] * (len(self.view.names) + 1)])
        for result in self.results:
            if not result.row.is_gauge:
                loads = [cost for figure in result.figures.values() if (cost := figure.median("load_cpu"))]
                cells = [short(result.figures[name].median("cpu")) for name in self.view.names]
                load = short(median(loads) if loads else None)
                yield _line([result.row.title, result.row.unit.removesuffix("/s"), *cells, load])

    def _comparison(self, result: Result) -> dict[str, float]:
        """How many times better each is than the baseline; nothing where that has no figure."""
        base, power = result.figures[self.view.baseline].median(), -1 if result.row.is_gauge else 1
        medians = {name: result.figures[name].median() for name in self.view.names}
        return {name: (value / base) ** power for name, value in medians.items() if value and base}


def ratio(result: Result, ours: str, others: Sequence[str]) -> float | None:
    """How many times better one is than the best of others; above 1 it is better also in what should be small."""
    our, their = result.figures[ours].median(), [result.figures[name].median() for name in others]
    known = [value for value in their if value]
    if not our or not known:
        return None
    return min(known) / our if result.row.is_gauge else our / max(known)


def cell(figure: Figure) -> str:
    return short(figure.median()) or "n/a"


def short(value: float | None) -> str:
    """Three digits, or as many as there are before the point."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _disk_notes(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        disk, [ours, *_] = result.beside.median(), result.figures.values()
        if disk and (our := ours.median()):
            yield f"{result.row.title}: dd with conv=fsync writes {disk:,.0f} MB/s, Cove {our / disk:.2f} of that."


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


def _entry(result: Result) -> dict[str, object]:
    figures = {name: _figure(figure) for name, figure in result.figures.items()}
    row = result.row
    return {"name": row.name, "title": row.title, "unit": row.unit, "figures": figures, "disk": result.beside.median()}


def _figure(figure: Figure) -> dict[str, object]:
    if figure.reason:
        return {"reason": figure.reason}
    return {"median": figure.median(), "samples": [asdict(sample) for sample in figure.samples]}
