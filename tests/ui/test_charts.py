"""Pictures of numbers."""

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from registry.ui import dashboards
from registry.ui.charts import bars, sparkline, stacked
from tests.http.serving import Registry
from tests.ui.conftest import Browsers

Chart = Callable[[list[float], str, str], str]

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> ET.Element:
    return ET.fromstring(str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("chart", [bars, sparkline, stacked])
@pytest.mark.parametrize("values", [[], [0], [0, 0], [1], [3, 0, 7]])
def test_picture_is_told_to_those_who_do_not_see_it(
    chart: Callable[[list[float], str, str], str], values: list[float]
) -> None:
    picture = drawn(chart(values, "<Pulls>", 'a "lot"'))
    assert (picture.findtext(f"{SVG}title"), picture.findtext(f"{SVG}desc")) == ("<Pulls>", 'a "lot"')
    assert (picture.get("role"), picture.get("aria-label")) == ("img", '<Pulls>: a "lot"')
    assert "style" not in str(picture.attrib)


def test_bars_are_as_high_as_their_values_and_nothing_has_none() -> None:
    heights = [float(bar.get("height", "")) for bar in drawn(bars([5, 0, 10], "", "")).iter(f"{SVG}rect")]
    assert heights == [29.0, 58.0]


def test_line_goes_from_edge_to_edge_and_stays_within() -> None:
    [line] = drawn(sparkline([0, 10, 5], "", "")).iter(f"{SVG}polyline")
    assert line.get("points") == "0.0,60.0 150.0,2.0 300.0,31.0"


def test_stacked_bar_is_shared_by_its_values() -> None:
    widths = [float(part.get("width", "")) for part in drawn(stacked([1, 3], "", "")).iter(f"{SVG}rect")]
    assert widths == [75.0, 225.0]


def test_dashboard_and_project_show_pictures_with_their_numbers_as_a_table(browsers: Browsers) -> None:
    dashboard, project = browsers("admin").get("/ui/").text, browsers("gus").get("/ui/projects/team").text
    for page in (dashboard, project):
        assert 'class="chart bars" role="img"' in page
        assert "<summary>As a table</summary>" in page
    assert "Not enough data for a forecast: 0 of 7 days." in dashboard
    assert "forecast" not in browsers("gus").get("/ui/").text


def test_dashboard_shows_the_largest_projects_however_many_there_are(
    registry: Registry, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.projects.create("whale")
    registry.push_image("whale/large", "1", os.urandom(1 << 20))
    listed = browsers("admin").get("/ui/projects?sort=-used_bytes").text
    assert re.findall(r'class="name" href="/ui/projects/([a-z]+)"', listed)[0] == "whale"
    monkeypatch.setattr(dashboards, "_LOOKED_AT", 1)
    stored = browsers("admin").get("/ui/").text.partition("Storage by project")[2].partition("</section>")[0]
    assert re.findall(r'href="/ui/projects/([a-z]+)"', stored) == ["whale"]
