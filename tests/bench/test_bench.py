import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.report import NAMES
from tests.bench.rows import QUICK, rows

ROOT = Path(__file__).parents[2]
FIGURE = {"value", "cpu", "load_cpu"}


@pytest.mark.slow
def test_bench_gives_every_registry_a_figure_in_every_row_or_the_reason_why_there_is_none(tmp_path: Path) -> None:
    bench = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT,
        env={**os.environ, "BENCH_QUICK": "1", "BENCH_OUT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert bench.returncode == 0, bench.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == [row.name for row in rows(QUICK)]
    for row in results["rows"]:
        assert row["figures"].keys() == set(NAMES)
        for name, figure in row["figures"].items():
            assert figure.get("reason") or [set(sample) for sample in figure["samples"]] == [FIGURE], (row, name)
            assert row["title"] in bench.stdout
    assert results["registries"]["cove"]
    assert ElementTree.parse(tmp_path / "results.svg").getroot().tag.endswith("svg")
    assert str(ROOT) not in (tmp_path / "README.md").read_text() + (tmp_path / "results.json").read_text()


def test_unknown_row_is_refused_with_the_names_of_those_that_there_are() -> None:
    bench = subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT,
        env={**os.environ, "BENCH_ROWS": "get-tag-16,nothing"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert bench.returncode == 1
    assert "no such rows: nothing; there are start, memory-idle, get-tag-1" in bench.stderr
