"""The application: its commands, and the one place where errors become messages and exit codes."""

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix import __version__
from graphfix.cli import (
    adapters,
    apply,
    audit,
    check_atc,
    compare,
    convert,
    diff,
    evaluate,
    explain,
    infer,
    lower,
    new,
    passes,
    raise_,
    reduce,
    run,
    targets,
)
from graphfix.errors import GraphfixError

if TYPE_CHECKING:
    from graphfix.plugins import Plugin

app = typer.Typer(
    name="graphfix",
    help="ONNX graph surgery that proves it kept the model's meaning.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(apply.apply)
app.command()(audit.audit)
app.command()(passes.passes)
app.command()(explain.explain)
app.command()(compare.compare)
app.command()(diff.diff)
app.command()(reduce.reduce)
app.command()(check_atc.check_atc)
app.command()(convert.convert)
app.command(
    # Its options are those of ais_bench, which has a parser of its own for them.
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(infer.infer)
app.command()(evaluate.evaluate)
app.command()(run.run)
app.command()(adapters.adapters)
app.command()(lower.lower)
app.command("raise")(raise_.raise_)
app.command()(new.new)
app.command()(targets.targets)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphfix {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print it and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def main(plugins: "Mapping[str, Plugin] | None" = None) -> None:
    """Run the command line and exit.

    ``plugins`` are those of a checkout that is not installed. Exit codes: 0 done, 1 the model
    failed, 2 wrong usage, 3 an external tool is missing or failed.
    """
    try:
        app(obj=dict(plugins or {}))
    except GraphfixError as error:
        if os.environ.get("GRAPHFIX_TRACEBACK"):
            raise
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error), "exit_code": error.exit_code}, indent=2))
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as end:
        # typer makes this of Ctrl-C, without a word; a command that has said more has no such cause
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            print("interrupted", file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader went away (| head); keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
