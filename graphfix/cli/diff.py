"""``graphfix diff``: what differs between two graphs, node by node."""

from pathlib import Path
from typing import Annotated

import typer

from graphfix.cli.options import AsJson
from graphfix.cli.render import print_json


def diff(
    a: Annotated[Path, typer.Argument(help="The model before.")],
    b: Annotated[Path, typer.Argument(help="The model after.")],
    json: AsJson = False,
) -> None:
    """Compare two graphs by structure and list what was added, removed and changed."""
    from graphfix.model import diff as compare_structure
    from graphfix.model import load

    found = compare_structure(load(a), load(b))
    if json:
        print_json(found.to_dict())
    else:
        print("\n".join(found.lines()) or "no difference")
