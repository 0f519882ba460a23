"""Runs ``python -m graphfix.ais_bench`` and msame's front in this process."""

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from graphfix.cli.infer import ais_bench
from tests.cli_runner import Result


def run_ais_bench(*args: object) -> Result:
    """Run ``python -m graphfix.ais_bench ARGS``."""
    out, err = io.StringIO(), io.StringIO()
    arguments = list(map(str, args))
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch.object(sys, "argv", ["ais_bench.py", *arguments]),
    ):
        code = ais_bench(arguments, sys.argv)
    return Result(code, out.getvalue(), err.getvalue())


def write_files(files: Mapping[str, bytes]) -> None:
    """Write files, with the folders they are in."""
    for name, data in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)
