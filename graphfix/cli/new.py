"""``graphfix new``: start a new pass."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json


class Kind(enum.Enum):
    """What can be started."""

    PASS = "pass"


def new(
    kind: Annotated[Kind, typer.Argument(help="What to start.")],
    name: Annotated[str, typer.Argument(help="Its name in kebab-case, such as pow-to-mul.")],
    project: Annotated[
        Path, typer.Option("--project", help="Folder of the plugin project to add it to.")
    ] = Path(),
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Write one file for --plugin instead, outside any project."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Start a pass: a working module, its golden file, and its row in the plugin table."""
    from graphfix.stages.new import new_pass, new_pass_file

    made = new_pass(name, project) if file is None else new_pass_file(name, file)
    if json:
        print_json(made.to_dict())
        return
    for path in made.created:
        print(f"wrote {path}")
    if made.table is not None:
        print(f"added a row to {made.table}")
        print("next: change the example and its golden cases, then pytest --update-golden")
    else:
        print(f"next: graphfix apply model.onnx --plugin {made.created[0]} --passes {made.name}")
