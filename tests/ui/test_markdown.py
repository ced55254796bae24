"""Markdown of strangers is read, and does nothing."""

from html.parser import HTMLParser

import pytest

from registry.ui.markdown import LONGEST, rendered


class Seen(HTMLParser):
    """Every tag and attribute, as browsers find them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def test_what_people_write_is_shown_below_the_headings_of_the_page() -> None:
    html = rendered("# Chart\n\nInstall **it**:\n\n    helm install x\n\n| a | b |\n| - | - |\n| 1 | 2 |\n")
    assert "<h3>Chart</h3>" in html
    assert "<strong>it</strong>" in html
    assert "<code>helm install x" in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,eA==)",
        "![x](https://elsewhere.example/p.png)",
        '<a href="x" onclick="alert(1)">x</a>',
        "<style>*{display:none}</style>",
        '<form action="https://elsewhere.example"><input></form>',
        "<iframe src=//elsewhere.example></iframe>",
        "[x](https://a.example 'title\" onmouseover=\"alert(1)')",
    ],
)
def test_nothing_in_it_runs_or_loads(text: str) -> None:
    seen = Seen()
    seen.feed(rendered(text))
    assert seen.tags <= {"p", "a"}
    assert all(name in ("href", "title", "rel") for name, _ in seen.attributes)
    assert all(str(value).startswith("https://a.example") for name, value in seen.attributes if name == "href")


def test_what_would_take_long_is_shown_as_it_was_written() -> None:
    text = "*a*<script>".ljust(LONGEST + 1)
    assert rendered(text) == "<pre>" + text.replace("<", "&lt;").replace(">", "&gt;") + "</pre>"
    assert rendered(text[:-1].rstrip()).startswith("<p><em>a</em>")


def test_short_table_cannot_have_cells_without_end() -> None:
    """As markdown-it-py bounds them since its version 4."""
    columns = 600
    table = "|a" * columns + "|\n" + "|-" * columns + "|\n" + "|a\n" * 500
    assert rendered(table).count("<td") < 100_000
