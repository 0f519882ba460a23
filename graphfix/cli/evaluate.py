"""``graphfix evaluate``: a metric over the outputs of a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json, print_table
from graphfix.errors import UsageError

if TYPE_CHECKING:
    from graphfix.stages.evaluate import EvaluateReport


def evaluate(
    outputs: Annotated[
        Path | None, typer.Argument(help="Folder of outputs, or a file of results.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Metric with options, such as 'top-k{k=[1]}'; see --list."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="File or folder with the truth.")
    ] = None,
    output: Annotated[
        int | None,
        typer.Option("--output", min=0, help="Number of the model's output; 0 if not given."),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="Type in .bin files; float32 if not given.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--shape", help="Shape of one output, such as 1,1000 or 1,?,4.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="What the figure should be, such as 0.8003 or 80.03%."),
    ] = None,
    allowed_drop: Annotated[
        str | None,
        typer.Option(
            "--allowed-drop",
            help="How much worse it may be: 0.01 absolute, or 1% of the reference (as by default).",
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option("--figure", help="Which figure is judged; the first one if not given."),
    ] = None,
    list_metrics: Annotated[bool, typer.Option("--list", help="List the metrics.")] = False,
    json: AsJson = False,
) -> None:
    """Compute a metric from a model's outputs and judge it; exits 1 below the reference."""
    if list_metrics:
        _list(json)
        return
    if outputs is None or metric is None or labels is None:
        raise UsageError("give OUTPUTS, --metric and --labels; --list shows the metrics")
    from graphfix.stages import evaluate as stage

    report = stage.evaluate(
        stage.EvaluateRequest(
            outputs=outputs,
            metric=metric,
            labels=labels,
            index=output,
            dtype=dtype,
            shape=shape,
            reference=reference,
            allowed_drop=allowed_drop,
            figure=figure,
        )
    )
    if json:
        print_json(report.to_dict())
    else:
        _print(report)
    raise typer.Exit(0 if report.passed else 1)


def _list(json: bool) -> None:
    from graphfix.stages.evaluate import list_metrics

    entries = list_metrics()
    if json:
        print_json([entry.to_dict() for entry in entries])
        return
    for entry in entries:
        print(f"{entry.name}: {entry.summary}")
        print(f"  OUTPUTS   {entry.outputs}")
        print(f"  --labels  {entry.labels}")
        for option in entry.options:
            print(f"  {{{option.key}={option.default}}}  {option.help}")


def _print(report: "EvaluateReport") -> None:
    score = report.score
    print_table(
        ("figure", "value", "unit"),
        [(item.name, f"{item.value:.6f}", item.unit.value) for item in score.figures],
    )
    print(f"\n{score.samples} {score.counted}")
    for note in score.notes:
        print(f"note: {note}")
    if report.judgement:
        print(report.judgement)
