"""The shell of a self-contained HTML page: one file, no network, light and dark."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files


def page(title: str, parts: Iterable[str]) -> str:
    """A whole document; ``parts`` are HTML already."""
    body = "\n".join(parts)
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing on the page may load or run anything, whatever a name in a model contains.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def text(value: str) -> str:
    """Escaped, control characters replaced."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in value))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; cells that are numbers stand to the right."""
    head = "".join(f"<th>{text(heading)}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    top = f"<tr>{head}</tr>" if any(headings) else ""
    return f'<div class="scroll"><table>{top}{lines}</table></div>'


def _cell(value: str) -> str:
    try:
        float(value)
    except ValueError:
        return f"<td class='{'long' if len(value) > 48 else 'short'}'>{text(value)}</td>"
    return f'<td class="n">{text(value)}</td>'


def bullets(items: Iterable[str]) -> str:
    """A list of texts; nothing when there are none."""
    lines = "".join(f"<li>{text(item)}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def folded(title: str, content: str) -> str:
    """Content that opens on a click."""
    return f"<details><summary>{text(title)}</summary>{content}</details>"
