"""``graphfix new``: start a new pass or a new adapter."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json


class Kind(enum.Enum):
    """What can be started."""

    PASS = "pass"
    ADAPTER = "adapter"


def new(
    kind: Annotated[Kind, typer.Argument(help="What to start.")],
    name: Annotated[str, typer.Argument(help="Its name in kebab-case, such as pow-to-mul.")],
    project: Annotated[
        Path, typer.Option("--project", help="Folder of the plugin project to add it to.")
    ] = Path(),
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Write a file for --plugin instead, outside any project."),
    ] = None,
    framework: Annotated[
        str, typer.Option("--framework", help="What an adapter exports from: torch or paddle.")
    ] = "torch",
    json: AsJson = False,
) -> None:
    """Start a pass or an adapter: working modules, and a row in the plugin table."""
    from graphfix.errors import UsageError
    from graphfix.stages.new_adapter import Framework, new_adapter, new_adapter_file
    from graphfix.stages.new_pass import new_pass, new_pass_file

    frameworks = {item.value: item for item in Framework}
    if framework not in frameworks:
        raise UsageError(f"--framework {framework!r} is not one of {', '.join(frameworks)}")
    if kind is Kind.PASS:
        made = new_pass(name, project) if file is None else new_pass_file(name, file)
        trial = f"apply model.onnx --passes {name}"
        after = "change the example and its golden cases, then pytest --update-golden"
    else:
        choice = frameworks[framework]
        made = (
            new_adapter(name, project, choice)
            if file is None
            else new_adapter_file(name, file, choice)
        )
        trial = f"run {name} --random-weights"
        after = f"graphfix {trial}; then change the example step by step"
    if json:
        print_json(made.to_dict())
        return
    for path in made.created:
        print(f"wrote {path}")
    if made.table is not None:
        print(f"added a row to {made.table}")
        print(f"next: {after}")
    else:
        print(f"next: graphfix {trial} --plugin {made.created[0]}")
