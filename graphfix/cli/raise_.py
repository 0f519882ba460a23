"""``graphfix raise``: a file for ATC as valid ONNX."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.lower import print_dialect
from graphfix.cli.options import AsJson, PluginFiles, open_registry
from graphfix.cli.render import print_json


class Reading(str, Enum):
    """Who is right about the axis of Softmax below opset 13."""

    ATC = "atc"
    ONNX = "onnx"


def raise_(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="The file for ATC, of graphfix or of a script.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write; default: MODEL.raised.onnx beside it."),
    ] = None,
    softmax: Annotated[
        Reading,
        typer.Option("--softmax", help="Whose reading of Softmax below opset 13 holds."),
    ] = Reading.ATC,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Read a file that was made for ATC back into valid ONNX, which runs anywhere."""
    from graphfix.dialect import SoftmaxReading
    from graphfix.stages import dialect as stage

    registry = open_registry(context, plugin)
    result = stage.raise_file(
        stage.RaiseRequest(
            model=model,
            output=output,
            reading=SoftmaxReading(softmax.value),
            operators={name: registry.operator(name) for name in registry.operator_names()},
        )
    )
    if json:
        print_json(result.to_dict())
    else:
        print_dialect(result)
