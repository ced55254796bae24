"""The figures of a whole run that README.md shows."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.peers import KINDS
from tests.bench.report import short

_ROWS = (
    "get-tag-16",
    "head-tag-16",
    "blob",
    "get-big-1",
    "push-big",
    "images-1",
    "images-8",
    "push-again",
    "tags",
    "start",
    "memory-idle",
)
_PLACE = re.compile("(?<=<!-- measured -->\n).*?(?=<!-- until here -->\n)", re.DOTALL)


def excerpt(results: Mapping[str, Any]) -> str:
    """A table in Markdown of what `results.json` has of a run."""
    measured, versions = {row["name"]: row for row in results["rows"]}, results["versions"]
    names = [kind.name for kind in KINDS if kind.name in versions]
    lines = [["", "", *(f"{name} {versions[name]}" for name in names)], ["---", "---", *["--:"] * len(names)]]
    for row in (measured[name] for name in _ROWS):
        figures = (row["figures"][name].get("median") for name in names)
        lines.append([row["title"], row["unit"], *(short(figure) or "n/a" for figure in figures)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def put_into(page: Path, results: Mapping[str, Any]) -> None:
    """Let the page show these in the place of those of the run before."""
    page.write_text(_PLACE.sub(lambda _: excerpt(results), page.read_text()))
