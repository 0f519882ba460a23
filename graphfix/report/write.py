"""Write a report in the format that the name of its file says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from graphfix.errors import UsageError
from graphfix.files import write_file
from graphfix.report.html import html
from graphfix.report.markdown import markdown
from graphfix.stages.apply import ApplyReport


def _json(report: ApplyReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: Final[Mapping[str, Callable[[ApplyReport], str]]] = {
    ".json": _json,
    ".md": markdown,
    ".html": html,
}
"""How a report is made, by the suffix of its file."""


def check_format(path: Path) -> None:
    """Refuse a file name that says no format.

    Raises:
        UsageError: its suffix is none of ``FORMATS``.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--report {path}: end the name in one of {', '.join(FORMATS)}")


def write_report(report: ApplyReport, path: Path) -> None:
    """Write the report.

    Raises:
        UsageError: the suffix is unknown, or the file cannot be written.
    """
    check_format(path)
    write_file(path, FORMATS[path.suffix.lower()](report), "--report")
