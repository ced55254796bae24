"""A plot of how registries compare with one of them, row by row, on a logarithmic scale."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import log10

_COLOURS = ["#2f81f7", "#8b949e", "#d29922", "#a371f7"]
_LEFT, _WIDTH, _RIGHT, _TOP, _STEP = 330, 560, 30, 60, 22
_STYLE = """
text { font: 13px sans-serif; fill: #1f2328 } line { stroke: #d1d9e0 } .small { font-size: 11px; fill: #59636e }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } line { stroke: #3d444d } .small { fill: #9198a1 } }
"""


def plot(rows: Mapping[str, Mapping[str, float]], names: Sequence[str], baseline: str) -> str:
    """SVG with a dot for each name in each row, further right where it is more times as good as the baseline."""
    colours = dict(zip(names, _COLOURS, strict=False))
    values = [value for dots in rows.values() for value in dots.values()]
    low, high = min([0.4, *values]) * 0.9, max([2.5, *values]) * 1.1
    bottom = _TOP + _STEP * len(rows)

    def x(value: float) -> float:
        return _LEFT + _WIDTH * log10(value / low) / log10(high / low)

    parts = [*_legend(colours, baseline), *(_tick(x(value), bottom, value) for value in _ticks(low, high))]
    for number, (title, dots) in enumerate(rows.items()):
        y = _TOP + _STEP * (number + 0.5)
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(title)}</text>')
        parts += [_dot(x(dots[name]), y, colours[name]) for name in reversed(names) if name in dots]
    body = "\n".join(parts)
    size = f"0 0 {_LEFT + _WIDTH + _RIGHT} {bottom + 30}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'


def _ticks(low: float, high: float) -> Iterator[float]:
    for power in range(-4, 5):
        for first in (1, 2, 5):
            if low <= (value := first * 10.0**power) <= high:
                yield value


def _tick(x: float, bottom: float, value: float) -> str:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
    return f'{line}<text class="small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}x</text>'


def _legend(colours: Mapping[str, str], baseline: str) -> Iterator[str]:
    yield f'<text x="0" y="20">Times as good as {escape(baseline)}; further right is better</text>'
    for number, (name, colour) in enumerate(colours.items()):
        x = _LEFT + 140 * number
        yield f'{_dot(x, 42, colour)}<text x="{x + 10}" y="46">{escape(name)}</text>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>'
