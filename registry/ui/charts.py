"""Pictures of numbers, drawn by the server: SVG whose colours are those of the sheet, so that they follow dark mode.

What a picture shows is told to those who do not see it by its title and description; the template puts the numbers
themselves beside it, as a table.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

_WIDTH, _HEIGHT = 300, 60
_GAP = 2  # of one bar from the next, and of a line from the edges


def sparkline(values: Sequence[float], title: str, description: str) -> "Markup":
    """A line through the values, from the first at the left to the last, above zero, with the area below it."""
    highest, step = max(values, default=0) or 1, _WIDTH / max(len(values) - 1, 1)
    points = " ".join(f"{place * step:.1f},{_down(value, highest):.1f}" for place, value in enumerate(values))
    area = f'<polygon class="area" points="0,{_HEIGHT} {points} {_WIDTH},{_HEIGHT}"/>'
    return _picture("spark", title, description, f'{area}<polyline class="line" points="{points}"/>')


def bars(values: Sequence[float], title: str, description: str) -> "Markup":
    """A bar for each of the values, side by side, above zero."""
    highest, step = max(values, default=0) or 1, _WIDTH / max(len(values), 1)
    drawn = "".join(
        f'<rect x="{place * step:.1f}" y="{_down(value, highest):.1f}" width="{max(step - _GAP, 1):.1f}"'
        f' height="{_HEIGHT - _down(value, highest):.1f}"/>'
        for place, value in enumerate(values)
        if value
    )
    return _picture("bars", title, description, drawn)


def stacked(values: Sequence[float], title: str, description: str) -> "Markup":
    """One bar that the values share, each with the class of its place: `s0`, `s1`, ..."""
    whole, left, drawn = sum(values) or 1, 0.0, ""
    for place, value in enumerate(values):
        width = value / whole * _WIDTH
        drawn += f'<rect class="s{place % 8}" x="{left:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT}"/>'
        left += width
    return _picture("stack", title, description, drawn)


def _down(value: float, highest: float) -> float:
    """How far below the upper edge a value is."""
    return _GAP + (_HEIGHT - _GAP) * (1 - value / highest)


def _picture(kind: str, title: str, description: str, drawn: str) -> "Markup":
    from markupsafe import Markup  # noqa: PLC0415 -- loaded with the templates

    said = Markup("<title>{}</title><desc>{}</desc>").format(title, description)
    label = Markup('<svg class="chart {}" role="img" aria-label="{}: {}"').format(kind, title, description)
    box = f' viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">'
    return label + Markup(box) + said + Markup(drawn) + Markup("</svg>")  # noqa: S704 -- numbers alone
