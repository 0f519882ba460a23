"""Plots as inline SVG: a line of times, bars of errors. No script, no font, no network."""

import itertools
from collections.abc import Sequence
from typing import Final

from graphfix.report.page import text

_WIDTH: Final = 640
_HEIGHT: Final = 160
_MARGIN: Final = 56
_POINTS: Final = 1000
"""Points of a line at most; of more, the largest of each stretch is drawn, so no peak is lost."""


def line(title: str, values: Sequence[float], unit: str, caption: str) -> str:
    """HTML: values in their order, from zero to the largest; nothing when there are fewer than two.

    ``caption`` says what the plot shows; it is also what a screen reader gets.
    """
    if len(values) < 2:
        return ""
    shown = _thinned(values)
    top = max(shown) or 1.0
    right, bottom = _WIDTH - _MARGIN, _HEIGHT - 24
    points = " ".join(
        f"{_MARGIN + right * k / (len(shown) - 1):.1f},{bottom - (bottom - 12) * v / top:.1f}"
        for k, v in enumerate(shown)
    )
    drawing = (
        f'<line x1="{_MARGIN}" y1="{bottom}" x2="{_WIDTH}" y2="{bottom}" stroke="var(--line)"/>'
        f'<line x1="{_MARGIN}" y1="12" x2="{_WIDTH}" y2="12" stroke="var(--line)"/>'
        f'<polyline points="{points}" fill="none" stroke="var(--node-line)" stroke-width="1.5"/>'
        + _label(_MARGIN - 6, 16, f"{top:.4g} {unit}", "end")
        + _label(_MARGIN - 6, bottom + 4, f"0 {unit}", "end")
        + _label(_MARGIN, _HEIGHT - 6, "1", "start")
        + _label(_WIDTH, _HEIGHT - 6, str(len(values)), "end")
    )
    return _figure(title, drawing, _HEIGHT, caption)


def bars(title: str, rows: Sequence[tuple[str, float, str]], caption: str) -> str:
    """HTML: one bar per row (name, length from 0 to 1, what to write beside it)."""
    if not rows:
        return ""
    step, left, longest = 24, 200, _WIDTH - 320
    parts = []
    for index, (name, length, label) in enumerate(rows):
        y = index * step
        width = max(0.0, min(1.0, length)) * longest
        parts.append(
            _label(left - 8, y + 16, name if len(name) < 26 else f"{name[:24]}…", "end")
            + f'<rect x="{left}" y="{y + 4}" width="{width:.1f}" height="16" rx="2" '
            'fill="var(--node)" stroke="var(--node-line)"/>'
            + _label(left + width + 8, y + 16, label, "start")
        )
    return _figure(title, "".join(parts), step * len(rows) + 4, caption)


def _thinned(values: Sequence[float]) -> Sequence[float]:
    if len(values) <= _POINTS:
        return values
    bounds = [len(values) * k // _POINTS for k in range(_POINTS + 1)]
    return [max(values[a:b]) for a, b in itertools.pairwise(bounds)]


def _label(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" '
        f'fill="var(--dim)">{text(words)}</text>'
    )


def _figure(title: str, drawing: str, height: int, caption: str) -> str:
    return (
        f"<figure><h3>{text(title)}</h3>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="100%" role="img" '
        f'aria-label="{text(caption)}">{drawing}</svg>'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )
