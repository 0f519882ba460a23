"""Runs the command line in this process, as a user would see it."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from graphfix.cli import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(*args: object) -> Result:
    """Run ``graphfix ARGS`` and return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["graphfix", *map(str, args)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Result(code, out.getvalue(), err.getvalue())
