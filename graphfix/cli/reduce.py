"""``graphfix reduce``: a small model on which a pipeline fails as it does on the whole one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, Data, PluginFiles, Seed, Shapes, open_registry
from graphfix.cli.render import print_json

if TYPE_CHECKING:
    from graphfix.stages.reduce import ReduceReport


def reduce(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="The ONNX model.")],
    passes: Annotated[
        str, typer.Option("--passes", help="Pipeline, such as 'gridsample{mode=decompose},sim'.")
    ] = "",
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="YAML recipe file, instead of --passes.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write; default: MODEL.reduced.onnx."),
    ] = None,
    shape: Shapes = None,
    data: Data = None,
    seed: Seed = 0,
    rtol: Annotated[
        float | None, typer.Option("--rtol", min=0, help="Largest relative difference allowed.")
    ] = None,
    atol: Annotated[
        float | None, typer.Option("--atol", min=0, help="Largest absolute difference allowed.")
    ] = None,
    verify: Annotated[
        str | None, typer.Option("--verify", help="region, full or off, as for apply.")
    ] = None,
    seconds: Annotated[
        float, typer.Option("--time", min=1, help="Seconds to search for a smaller model.")
    ] = 120.0,
    tries: Annotated[int, typer.Option("--tries", min=1, help="Models to try at most.")] = 1000,
    isolate: Annotated[
        bool,
        typer.Option(
            "--isolate", help="Try every model in a process of its own; done anyway after a crash."
        ),
    ] = False,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Shrink a model on which passes fail, keeping the failure; exits 1 when they do not fail."""
    from graphfix.cli.apply import pipeline_of
    from graphfix.cli.progress import Progress
    from graphfix.errors import UsageError
    from graphfix.stages import reduce as stage
    from graphfix.stages.apply import DEFAULT_MODE
    from graphfix.verify import Mode

    modes = {mode.value: mode for mode in Mode}
    if verify is not None and verify not in modes:
        raise UsageError(f"--verify {verify!r} is not one of {', '.join(modes)}")
    request = stage.ReduceRequest(
        model=model,
        pipeline=pipeline_of(open_registry(context, plugin), passes, recipe),
        output=output,
        shapes=tuple(shape or ()),
        data=data,
        seed=seed,
        rtol=rtol,
        atol=atol,
        verify=modes[verify] if verify else DEFAULT_MODE,
        seconds=seconds,
        tries=tries,
        isolate=isolate,
        plugins=tuple(plugin or ()),
        bundled=tuple(context.obj or ()),
    )
    with Progress() as progress:
        report = stage.reduce(request, progress=progress.say)
    if json:
        print_json(report.to_dict())
    else:
        _print(report)
    raise typer.Exit(0 if report.failure else 1)


def _print(report: "ReduceReport") -> None:
    if report.failure is None:
        print(f"{report.pipeline} does not fail on {report.source}; there is nothing to reduce")
        return
    end = "" if report.complete else ", and could not try everything: allow more with --time"
    print(
        f"{report.nodes[0]} → {report.nodes[1]} nodes after {report.tries} tries in "
        f"{report.seconds:.1f} s{end}"
    )
    print(f"  still fails: {report.failure.message}\n")
    for path in report.written:
        print(f"wrote {path}")
    print(f"  reproduce with: {report.command}")
