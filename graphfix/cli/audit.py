"""``graphfix audit``: what ATC will refuse, change silently, or run slowly."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson, PluginFiles, TargetFiles, open_registry
from graphfix.cli.render import print_json, print_table, shortened

if TYPE_CHECKING:
    from graphfix.stages.audit import AuditReport


class Format(str, Enum):
    """How findings are written."""

    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    MD = "md"
    HTML = "html"


def audit(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="The model: .onnx or ONNX text.")],
    target: Annotated[
        str, typer.Option("--target", help="SoC; 'graphfix targets' lists them.")
    ] = "Ascend310P3",
    cann: Annotated[str, typer.Option("--cann", help="CANN release.")] = "8.5",
    target_file: TargetFiles = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", help="Rules to run: ids, or how they begin; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="Rules to leave out; repeatable.")
    ] = None,
    max_findings: Annotated[
        int,
        typer.Option("--max-findings", min=0, help="Rows of the table per rule; 0 shows all."),
    ] = 5,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Findings of this file are not shown again.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", help="Write what is found as known.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to, instead of printing.")
    ] = None,
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Audit a model for its target; exits 1 when it would fail or compute something else."""
    from graphfix.errors import UsageError
    from graphfix.files import check_destination, write_file
    from graphfix.stages import audit as stage

    form = Format.JSON if json else format_
    if output is not None:
        check_destination(output, "--output")
        if form is Format.TABLE:
            raise UsageError("--output needs a --format: json, sarif, md or html")
    registry = open_registry(context, plugin)
    report = stage.run(
        stage.AuditRequest(
            model,
            target,
            cann,
            tuple(target_file or ()),
            tuple(select or ()),
            tuple(ignore or ()),
            baseline,
        ),
        registry,
    )
    if write_baseline is not None:
        stage.write_baseline(report, write_baseline)
    if form is Format.TABLE:
        _print(report, max_findings)
    elif form is Format.JSON and output is None:
        print_json(report.to_dict())
    else:
        from graphfix.report.audit import FORMATS

        text = FORMATS[form.value](report, registry.rules())
        if output is None:
            print(text, end="")
        else:
            write_file(output, text, "--output")
    accepted = write_baseline is not None and not report.audit.broken
    raise typer.Exit(0 if report.audit.fit or accepted else 1)


def _print(report: "AuditReport", most: int) -> None:
    rows: list[tuple[str, ...]] = []
    shown: dict[str, int] = {}
    for finding in report.audit.findings:
        shown[finding.rule] = shown.get(finding.rule, 0) + 1
        if most and shown[finding.rule] > most:
            continue
        remedy = finding.remedy or finding.advice
        if finding.remedy in report.missing:
            remedy = finding.advice or f"no pass yet ({finding.remedy})"
        rows.append(
            (
                finding.severity.value,
                finding.rule,
                shortened(finding.nodes),
                finding.message,
                remedy,
            )
        )
    if rows:
        print_table(("severity", "rule", "where", "what", "remedy"), rows)
        print()
    for rule, count in shown.items():
        if most and count > most:
            print(f"{count - most} more of {rule}; --max-findings 0 shows all")
    for line in report.audit.broken:
        print(f"could not be checked: {line}")
    for note in report.notes:
        print(f"note: {note}")
    print(report.summary)
    if report.pipeline:
        print("graphfix explain RULE tells more; --passes auto of apply uses the remedies")
