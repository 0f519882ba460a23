"""Tables and JSON on stdout."""

import json
import sys
from collections.abc import Sequence


def print_json(value: object) -> None:
    """Print a JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


_RULE = 100
"""Longest line under the headings: a row in a pipe may have any length."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns of numbers (or blanks) are set to the right.

    On a terminal the last column wraps to the width; in a pipe every row is one line.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, heading in enumerate(headings):
        cells = [row[index] for row in rows]
        right = any(cells) and all(not cell or _is_number(cell) for cell in cells)
        table.add_column(
            heading,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=index < len(headings) - 1,
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else 100_000
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    lines = (line.rstrip() for line in capture.get().splitlines())
    print("\n".join(line[:_RULE] if line.startswith("──") else line for line in lines))


def shortened(names: Sequence[str]) -> str:
    """The first two names, and how many more there are."""
    more = f" +{len(names) - 2}" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _is_number(cell: str) -> bool:
    return cell[0].isdigit() or (cell[0] in "-+.<>" and cell[1:2].isdigit())
