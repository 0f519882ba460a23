"""``graphfix apply``: the main job."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import (
    AsJson,
    Data,
    PluginFiles,
    Seed,
    Shapes,
    TargetFiles,
    open_registry,
)
from graphfix.cli.render import print_json, print_table, shortened

if TYPE_CHECKING:
    from graphfix.pipeline import Pipeline
    from graphfix.plugins import Registry
    from graphfix.stages.apply import ApplyReport, StepReport
    from graphfix.stages.auto import AutoReport
    from graphfix.stages.dialect import AtcFile

_LEFT = 25
"""Rows of the table of findings that are left."""


def apply(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="The ONNX model to change.")],
    passes: Annotated[
        str,
        typer.Option(
            "--passes",
            help="Pipeline, such as 'gridsample{mode=decompose},sim'; 'auto', alone or "
            "at the end, chooses by the audit for --target.",
        ),
    ] = "",
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="YAML recipe file, instead of --passes.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write; default: MODEL.fixed.onnx beside it."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", help="What 'auto' may choose besides: approximate."),
    ] = None,
    max_rounds: Annotated[
        int, typer.Option("--max-rounds", min=1, help="Rounds of audit and passes of 'auto'.")
    ] = 5,
    save_recipe: Annotated[
        Path | None, typer.Option("--save-recipe", help="Write the pipeline as a YAML recipe.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="SoC to make the model for; 'graphfix targets' lists them."),
    ] = None,
    cann: Annotated[str, typer.Option("--cann", help="CANN release of the target.")] = "8.5",
    target_file: TargetFiles = None,
    shape: Shapes = None,
    data: Data = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", help="Adapter that reads --data, such as a folder of pictures."),
    ] = None,
    seed: Seed = 0,
    rtol: Annotated[
        float | None,
        typer.Option("--rtol", min=0, help="Largest relative difference allowed; only tightens."),
    ] = None,
    atol: Annotated[
        float | None,
        typer.Option("--atol", min=0, help="Largest absolute difference allowed; only tightens."),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            "--verify",
            help="region compares every rewrite, full the model after every pass, off nothing.",
        ),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Undo a failing pass and go on with the rest.")
    ] = False,
    allow_unverified: Annotated[
        bool,
        typer.Option("--allow-unverified", help="Write the model although it could not be run."),
    ] = False,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Overwrite MODEL with the result.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run and verify everything, write nothing.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show which nodes were added, removed and changed.")
    ] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            help="Report file, .html, .md or .json; repeat for several. "
            "Default: OUTPUT with .report.json.",
        ),
    ] = None,
    save_all: Annotated[
        Path | None, typer.Option("--save-all", help="Folder for the model after each pass.")
    ] = None,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Apply passes to a model, verify each one, and write the result."""
    from graphfix.cli.progress import Progress
    from graphfix.errors import UsageError
    from graphfix.files import check_destination, write_file
    from graphfix.pipeline import recipe as as_recipe
    from graphfix.report import check_format, write_report
    from graphfix.stages import apply as stage
    from graphfix.stages import auto as auto_stage
    from graphfix.target import load_profile
    from graphfix.verify import Mode

    modes = {mode.value: mode for mode in Mode}
    if verify is not None and verify not in modes:
        raise UsageError(f"--verify {verify!r} is not one of {', '.join(modes)}")
    if unknown := set(allow or ()) - {"approximate"}:
        raise UsageError(f"--allow {min(unknown)!r} is not known; there is: approximate")
    if save_recipe is not None:
        check_destination(save_recipe, "--save-recipe")
    registry = open_registry(context, plugin)
    reports = tuple(report or ())
    for path in reports:
        check_format(path)
    files = tuple(target_file or ())
    flags = [text for path in files for text in ("--target-file", str(path))]
    passes, chooses = auto_stage.split(passes)
    nothing = chooses and not passes and recipe is None
    request = stage.ApplyRequest(
        model=model,
        pipeline=auto_stage.NOTHING if nothing else pipeline_of(registry, passes, recipe),
        output=output,
        shapes=tuple(shape or ()),
        data=data,
        adapter=registry.adapter(adapter) if adapter else None,
        seed=seed,
        rtol=rtol,
        atol=atol,
        verify=modes[verify] if verify else stage.DEFAULT_MODE,
        keep_going=keep_going,
        allow_unverified=allow_unverified,
        in_place=in_place,
        dry_run=dry_run,
        diff=diff,
        save_all=save_all,
        plugins=tuple(plugin or ()),
        reports=reports,
        profile=load_profile(target, cann, files) if target else None,
        target_flags=("--target", target, "--cann", cann, *flags) if target else (),
    )
    with Progress() as progress:
        chosen = (
            auto_stage.auto(
                request,
                registry,
                approximate=bool(allow),
                max_rounds=max_rounds,
                onlookers=[progress],
            )
            if chooses
            else None
        )
        result = chosen.applied if chosen else stage.apply(request, onlookers=[progress])
    if save_recipe is not None:
        used = chosen.plan.pipeline if chosen else request.pipeline
        write_file(save_recipe, as_recipe(used), "--save-recipe")
    if not reports and result.written:
        reports = (request.target.with_suffix(".report.json"),)
    for path in reports:
        write_report(result, path)
    if json:
        print_json((chosen or result).to_dict())
    elif chosen:
        _print_auto(chosen, reports)
    else:
        _print(result, reports)
    if result.why_not and request.target != model and request.target.exists():
        print(f"warning: {request.target} is of an earlier run", file=sys.stderr)
    raise typer.Exit(0 if (chosen or result).ok else 1)


def _print_auto(chosen: "AutoReport", reports: Sequence[Path]) -> None:
    """The plan, what came of it, and what is left with the reasons."""
    print(f"before: {chosen.before.summary}")
    if chosen.plan.choices:
        print_table(
            ("round", "pass", "asked for by"),
            [
                (
                    str(choice.round),
                    choice.text,
                    ", ".join(f"{n} x {rule}" for rule, n in choice.because.items()),
                )
                for choice in chosen.plan.choices
            ],
        )
    print(f"pipeline: {str(chosen.plan.pipeline) or 'nothing to do'}\n")
    _print(chosen.applied, reports)
    print()
    if chosen.left:
        print_table(
            ("severity", "rule", "where", "what", "why it is left"),
            [
                (f.severity.value, f.rule, shortened(f.nodes), f.message, reason)
                for f, reason in chosen.left[:_LEFT]
            ],
        )
        if len(chosen.left) > _LEFT:
            print(f"and {len(chosen.left) - _LEFT} more; --json lists all")
        print()
    print(f"after: {chosen.after.summary}")


def pipeline_of(registry: "Registry", passes: str, recipe: Path | None) -> "Pipeline":
    """The pipeline that ``--passes`` or ``--recipe`` asks for.

    Raises:
        UsageError: neither or both are given, or it is not understood.
    """
    from graphfix import pipeline
    from graphfix.errors import UsageError

    if bool(passes) == (recipe is not None):
        raise UsageError(
            "give the passes by --passes or by --recipe (one of them); "
            "'graphfix passes' lists what there is"
        )
    if recipe is None:
        return pipeline.parse(passes, registry)
    try:
        text = recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--recipe {recipe}: {error}") from error
    return pipeline.parse_recipe(text, registry)


def _print(result: "ApplyReport", reports: Sequence[Path]) -> None:
    rows = [_row(step) for step in result.steps]
    if result.final is not None:
        final = result.final
        steps = result.steps
        nodes = f"{steps[0].nodes[0]} → {steps[-1].nodes[1]}" if steps else ""
        delta, seconds = _number(final.max_abs), f"{final.seconds:.2f}"
        rows.append(("whole pipeline", "", nodes, "", delta, final.label, seconds))
    headings = ("pass", "rewrites", "nodes", "contract", "max |Δ|", "verified", "seconds")
    print_table(headings, rows)
    for step in result.steps:
        for note in _notes(step):
            print(f"  {step.name}: {note}")
    if result.composition is not None and result.final is not None:
        print(f"  whole pipeline: {result.composition.statement}")
        for condition in result.composition.conditions:
            print(f"  whole pipeline: {condition}")
    if result.changes is not None:
        print("\n".join(("", *result.changes.lines())))
    print()
    for path in (*result.written, *reports):
        print(f"wrote {path}")
    if result.atc is not None:
        _print_atc(result.atc)
    for step in result.steps:
        if step.failed or step.rolled_back:
            print(f"error: {step.error or step.rolled_back}", file=sys.stderr)
        if step.reproduce:
            print(f"  reproduce with: {step.reproduce}", file=sys.stderr)
    if result.why_not and not any(step.error == result.why_not for step in result.steps):
        print(f"error: {result.why_not}", file=sys.stderr)
    if result.why_not:
        print("no model was written", file=sys.stderr)


def _print_atc(atc: "AtcFile") -> None:
    """The second file, and what is spelled differently in it."""
    if atc.why_not:
        for line in atc.lines():
            print(f"warning: {line}", file=sys.stderr)
        return
    if atc.path is not None:
        print(f"wrote {atc.path}, for {atc.target}:")
    for line in atc.lines():
        print(f"  {line}")


def _row(step: "StepReport") -> tuple[str, ...]:
    verification = step.verification
    return (
        step.name,
        str(len(step.rewrites)),
        f"{step.nodes[0]} → {step.nodes[1]}" if not step.failed else "undone",
        step.contract,
        _number(verification.max_abs) if verification else "",
        _verified(step),
        f"{step.seconds + (verification.seconds if verification else 0):.2f}",
    )


def _verified(step: "StepReport") -> str:
    """The verdict, with the number of regions where these were compared instead of the outputs."""
    verification = step.verification
    if verification is None:
        return "failed" if step.failed else "off"
    count = verification.regions
    regions = f", {count} region{'s' * (count != 1)}" if count else ""
    return f"{verification.label}{regions}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _notes(step: "StepReport") -> list[str]:
    """What the rewrites and skips have to say, equal sentences once with their count."""
    counted: dict[str, int] = {}
    for item in step.rewrites:
        if item["note"]:
            counted[str(item["note"])] = counted.get(str(item["note"]), 0) + 1
    for item in step.skips:
        what = f"skipped {item['op_type']} {str(item['node'])!r}: " if item["node"] else ""
        text = f"{what}{item['reason']}"
        counted[text] = counted.get(text, 0) + 1
    for text in step.notes:
        counted.setdefault(text, 1)
    return [text if count == 1 else f"{text} ({count} times)" for text, count in counted.items()]
