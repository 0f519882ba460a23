"""``graphfix check-atc``: what ATC would refuse of a command, or take otherwise than meant."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json, print_table

if TYPE_CHECKING:
    from graphfix.stages.check_atc import CommandCheck


def check_atc(
    model: Annotated[Path, typer.Argument(help="The .onnx file that the command converts.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- atc ...]", help="The command, after '--'."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", help="The command as one text in quotes.")
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", help="Check every atc command in a script or a README."),
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option("--set", help="Value of a shell variable, such as bs=8; may be repeated."),
    ] = None,
    cann: Annotated[str, typer.Option("--cann", help="CANN release that runs it.")] = "8.5",
    json: AsJson = False,
) -> None:
    """Check an atc command against a model, without running it or a shell."""
    from graphfix.atc.shell import FoundCommand, split_command
    from graphfix.errors import UsageError
    from graphfix.stages.check_atc import check_commands, commands_in

    if sum((bool(words), command is not None, script is not None)) != 1:
        raise UsageError(
            "give one command: 'graphfix check-atc MODEL -- atc --model=…', --command TEXT, or "
            "--script FILE"
        )
    values = dict(_assignment(text) for text in variables or ())
    folder = Path.cwd()
    if script is not None:
        found = commands_in(script, values)
        folder = script.parent
    elif command is not None:
        found = (split_command(command, values),)
    else:
        assert words is not None
        named = words[0].rpartition("/")[2] in ("atc", "atc.bin")
        found = (FoundCommand(tuple(words[1:] if named else words), 1),)
    result = check_commands(model, found, cann, folder)
    if json:
        print_json(result.to_dict())
    else:
        _print(result, script)
    if result.fails:
        raise typer.Exit(1)


def _assignment(text: str) -> tuple[str, str]:
    from graphfix.errors import UsageError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {text!r} must look like bs=8")
    return name, value


def _print(result: "CommandCheck", script: Path | None) -> None:
    for place, command in enumerate(result.commands):
        if script is not None:
            print(f"{chr(10) if place else ''}{script}:{command.line}")
        if not command.findings:
            print("no finding")
            continue
        print_table(
            ("severity", "rule", "finding", "what to do", "how it is known"),
            [
                (
                    finding.severity.value,
                    finding.rule,
                    finding.message,
                    finding.advice,
                    f"{finding.evidence.value}: {finding.citation}",
                )
                for finding in command.findings
            ],
        )
    if result.others:
        print(f"\n{result.others} more that convert other models were not checked")
    print("\nNothing was run on ATC: a command without findings may still fail there.")
