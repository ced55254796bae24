import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bench.__main__ import WHOLE
from tests.bench.excerpt import excerpt, put_into
from tests.bench.peers import KINDS
from tests.bench.rows import QUICK, rows

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
SAMPLE = {"value", "cpu", "load_cpu"}


def bench(**narrowed: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.bench"],
        cwd=ROOT,
        env={**os.environ, "BENCH_QUICK": "1", **narrowed},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def results_of(run: "subprocess.CompletedProcess[str]", folder: Path) -> Any:
    """What a run wrote: each figure is one or has a reason, and nothing tells where that was."""
    assert run.returncode == 0, run.stderr
    results = json.loads((folder / "results.json").read_text())
    for row in results["rows"]:
        for name, figure in row["figures"].items():
            assert figure.get("reason") or [set(sample) for sample in figure["samples"]] == [SAMPLE], (row, name)
        assert row["title"] in run.stdout
        assert row["title"] in (folder / "README.md").read_text()
    assert ElementTree.parse(folder / "results.svg").getroot().tag.endswith("svg")
    assert not any(str(ROOT) in path.read_text() for path in folder.iterdir())
    return results


@pytest.mark.slow
def test_every_registry_has_a_figure_in_every_row_or_the_reason_why_there_is_none(tmp_path: Path) -> None:
    results = results_of(bench(BENCH_OUT=str(tmp_path)), tmp_path)
    assert [row["name"] for row in results["rows"]] == [row.name for row in rows(QUICK)]
    assert all(row["figures"].keys() == {kind.name for kind in KINDS} for row in results["rows"])
    assert results["versions"]["cove"] == version("cove-registry")


@pytest.mark.slow
def test_growth_is_measured_by_the_same_rows_of_servers_with_more_and_more_in_them(tmp_path: Path) -> None:
    run = bench(BENCH_OUT=str(tmp_path), BENCH_GROWTH="1", BENCH_ROWS="get-tag-16,images-2")
    for row in results_of(run, tmp_path)["rows"]:
        assert list(row["figures"]) == ["1", "100", "1,000"]
    assert "| change from 1 | change from 100 |" in run.stdout


@pytest.mark.slow
def test_soak_tells_memory_and_open_files_before_and_after_the_requests() -> None:
    run = bench(BENCH_SOAK="100")
    if "wrk is not installed" in run.stderr:
        pytest.skip("there is no wrk")
    lines = [line.strip("| ").split(" | ") for line in run.stdout.splitlines()[2:]]
    assert lines[0][0] == "0", run.stderr
    assert int(lines[-1][0].replace(",", "")) >= 100
    assert all(float(cell) > 0 for line in lines for cell in line[1:])


def test_unknown_row_is_refused_with_the_names_of_those_that_there_are() -> None:
    run = bench(BENCH_ROWS="get-tag-16,nothing")
    assert run.returncode == 1
    assert "no such rows: nothing; there are start, memory-idle, get-tag-1" in run.stderr


@pytest.mark.slow
def test_lists_of_a_full_registry_are_timed_for_everybody_who_may_see_them(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.lists", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "BENCH_CROWD": "0.002", "BENCH_LISTS": "page_size=50&q=name=~service"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    _, *figures, last = [line.split() for line in run.stdout.splitlines()]
    assert [(each[-3], each[-2]) for each in figures] == [("200", "admin"), ("90", "person-000"), ("80", "nobody")]
    assert last[1:] == ["over", "50", "ms"]


def test_readme_shows_the_figures_of_the_last_whole_run(tmp_path: Path) -> None:
    results, page = json.loads((WHOLE / "results.json").read_text()), (ROOT / "README.md").read_text()
    shown, copy = excerpt(results), tmp_path / "README.md"
    assert shown in page
    copy.write_text(page)
    results["rows"] = [{**row, "unit": "measured anew"} for row in results["rows"]]
    put_into(copy, results)
    assert copy.read_text() == page.replace(shown, excerpt(results))
