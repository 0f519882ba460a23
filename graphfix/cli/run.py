"""``graphfix run``: a model of an adapter through all stages."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.options import AsJson, PluginFiles, TargetFiles, open_registry
from graphfix.cli.render import print_json, print_table

STAGES = "export, apply, audit, convert, infer, evaluate"


def run(
    context: typer.Context,
    adapter: Annotated[str, typer.Argument(help="Name; 'graphfix adapters' lists them.")],
    dataset: Annotated[
        str,
        typer.Option("--dataset", help="Folder or file of the data; 'tiny' makes a small one."),
    ] = "tiny",
    model: Annotated[
        Path | None, typer.Option("--model", help="An exported model, instead of an export.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Weights to export with.")
    ] = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Export the network without trained weights.")
    ] = False,
    upstream: Annotated[
        Path | None, typer.Option("--upstream", help="Checkout of the project the model is from.")
    ] = None,
    python: Annotated[
        str, typer.Option("--python", help="Interpreter with the framework, for the export.")
    ] = sys.executable,
    export_option: Annotated[
        list[str] | None,
        typer.Option("--export-option", help="Option of the export, as opset=13; repeatable."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where all is kept; default: ADAPTER.run.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="SoC, instead of the adapter's.")
    ] = None,
    cann: Annotated[
        str | None, typer.Option("--cann", help="CANN release, instead of the adapter's.")
    ] = None,
    target_file: TargetFiles = None,
    host: Annotated[
        str | None, typer.Option("--host", help="user@machine with ATC and an NPU.")
    ] = None,
    backend: Annotated[
        str, typer.Option("--backend", help="auto, onnxruntime or ascend, for infer.")
    ] = "auto",
    until: Annotated[str, typer.Option("--until", help=f"Last stage: {STAGES}.")] = "evaluate",
    from_: Annotated[
        str | None, typer.Option("--from", help="Do this stage and those after it again.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of weights and made-up inputs.")] = 0,
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", help="Report, .html, .md or .json; default: all in FOLDER."),
    ] = None,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Export, fix, audit, convert, run and evaluate a model; what was done before is not repeated.

    Where ATC or an NPU is missing, the stage says so and the rest runs on the CPU.
    """
    from graphfix.cli.infer import InferConsole
    from graphfix.errors import UsageError
    from graphfix.infer import Backend
    from graphfix.report.run import FORMATS, HEADINGS, summary, write_run_report
    from graphfix.stages import run as stage

    stages = {item.value: item for item in stage.Stage}
    backends = {item.value: item for item in Backend}
    for option, value, known in (
        ("--until", until, stages),
        ("--from", from_ or until, stages),
        ("--backend", backend, backends),
    ):
        if value not in known:
            raise UsageError(f"{option} {value!r} is not one of {', '.join(known)}")
    options = dict(_option(text) for text in export_option or ())
    registry = open_registry(context, plugin)
    place = folder or Path(f"{adapter}.run")
    console = InferConsole(quiet=True)

    def tell(result: stage.StageResult) -> None:
        if not json and sys.stderr.isatty():
            print(f"{result.stage.value}: {result.status.value}", file=sys.stderr)

    request = stage.RunRequest(
        adapter=registry.adapter(adapter),
        folder=place,
        data=None if dataset == "tiny" else Path(dataset),
        model=model,
        random_weights=random_weights,
        checkpoint=checkpoint,
        upstream=upstream,
        python=python,
        options=options,
        seed=seed,
        target=target,
        cann=cann,
        target_files=tuple(target_file or ()),
        host=host,
        backend=backends[backend],
        until=stages[until],
        restart=stages[from_] if from_ else None,
    )
    try:
        done = stage.run(request, registry, console, tell)
    finally:
        console.close()
    reports = tuple(report or (place / f"report{suffix}" for suffix in FORMATS))
    for path in reports:
        write_run_report(done, path)
    if json:
        print_json(done.to_dict())
    else:
        print_table(HEADINGS, summary(done.stages))
        print()
        for path in reports:
            print(f"wrote {path}")
    raise typer.Exit(done.exit_code)


def _option(text: str) -> tuple[str, str]:
    from graphfix.errors import UsageError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--export-option {text}: write name=value")
    return name, value
