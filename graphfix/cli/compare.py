"""``graphfix compare``: the numbers of two models, output by output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, Data, Seed, Shapes
from graphfix.cli.render import print_json, print_table

if TYPE_CHECKING:
    from graphfix.stages.compare import CompareReport


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
        _print(result)
    raise typer.Exit(0 if result.verification.passed else 1)


def _print(result: "CompareReport") -> None:
    verification = result.verification
    print_table(
        ("output", "dtype", "max |Δ|", "max rel Δ", "allowed", "cosine", "result"),
        [
            (
                item.output,
                item.dtype,
                f"{item.max_abs:.3g}",
                f"{item.max_rel:.3g}",
                f"{item.allowed:.3g}",
                f"{item.cosine:.6f}",
                "same" if item.passed else "DIFFERS",
            )
            for item in verification.comparisons
        ],
    )
    for name, report in result.raised.items():
        print(f"  {name} is written for ATC and was raised")
        for line in report.lines():
            print(f"    {line}")
    for ours, theirs in result.outputs.items():
        if ours != theirs:
            print(f"  {ours} was compared with {theirs}")
    print(f"\n{verification.label}{f': {verification.reason}' if verification.reason else ''}")
