"""``graphfix compare``: the numbers of two models, output by output."""

from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.options import AsJson, Data, Seed, Shapes
from graphfix.cli.render import print_json, print_table


def compare(
    a: Annotated[Path, typer.Argument(help="The reference model.")],
    b: Annotated[Path, typer.Argument(help="The model to compare with it.")],
    output_map: Annotated[
        list[str] | None,
        typer.Option("--map", help="Output of B and its name in A, as b_name=a_name; repeatable."),
    ] = None,
    shape: Shapes = None,
    data: Data = None,
    seed: Seed = 0,
    rtol: Annotated[
        float | None, typer.Option("--rtol", min=0, help="Relative difference allowed.")
    ] = None,
    atol: Annotated[
        float | None, typer.Option("--atol", min=0, help="Absolute difference allowed.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Run two models on the same inputs and compare their outputs; exits 1 when they differ."""
    from graphfix.stages import compare as stage

    result = stage.compare(
        stage.CompareRequest(
            a=a,
            b=b,
            output_map=tuple(output_map or ()),
            shapes=tuple(shape or ()),
            data=data,
            seed=seed,
            rtol=rtol,
            atol=atol,
        )
    )
    if json:
        print_json(result.to_dict())
    else:
        print_table(
            ("output", "dtype", "max |Δ|", "max rel Δ", "allowed", "cosine", "result"),
            [_row(item) for item in result.comparisons],
        )
        print(f"\n{result.status.value}: {result.reason}" if result.reason else f"\n{result.label}")
    raise typer.Exit(0 if result.passed else 1)
