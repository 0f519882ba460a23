"""``graphfix lower``: a model as ATC reads it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, Data, Seed, Shapes, TargetFiles
from graphfix.cli.render import print_json

if TYPE_CHECKING:
    from graphfix.stages.dialect import DialectReport


def lower(
    model: Annotated[Path, typer.Argument(help="The ONNX model.")],
    target: Annotated[
        str, typer.Option("--target", help="SoC; 'graphfix targets' lists them.")
    ] = "Ascend310P3",
    cann: Annotated[str, typer.Option("--cann", help="CANN release.")] = "8.5",
    target_file: TargetFiles = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write; default: MODEL.atc.onnx beside it."),
    ] = None,
    int32: Annotated[
        bool,
        typer.Option(
            "--int32", help="Write constant shapes and counts in int32, as old scripts do."
        ),
    ] = False,
    shape: Shapes = None,
    data: Data = None,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Write a model as ATC reads it: one file for ATC beside the one that runs anywhere."""
    from graphfix.stages import dialect as stage
    from graphfix.target import load_profile

    result = stage.lower_file(
        stage.LowerRequest(
            model=model,
            profile=load_profile(target, cann, tuple(target_file or ())),
            output=output,
            narrow=int32,
            shapes=tuple(shape or ()),
            data=data,
            seed=seed,
        )
    )
    if json:
        print_json(result.to_dict())
    else:
        print_dialect(result)


def print_dialect(result: "DialectReport") -> None:
    """Print what is spelled differently, how that was verified, and what was written."""
    for line in result.report.lines():
        print(line)
    if result.verification is not None:
        reason = f": {result.verification.reason}" if result.verification.reason else ""
        print(f"raised again and compared: {result.verification.label}{reason}")
    elif result.target:
        print("raised again: the same nodes")
    for path in result.written:
        print(f"wrote {path}")
