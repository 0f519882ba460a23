"""``graphfix explain``: the full documentation of one pass."""

from typing import Annotated

import typer

from graphfix.cli.options import AsJson, PluginFiles, open_registry
from graphfix.cli.render import print_json, print_table


def explain(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a pass; 'graphfix passes' lists them.")],
    plugin: PluginFiles = None,
    json: AsJson = False,
) -> None:
    """Explain a pass: what it rewrites and leaves alone, its options, an example."""
    from graphfix.stages.catalogue import describe

    entry = describe(open_registry(context, plugin), name)
    if json:
        print_json(entry.to_dict())
        return
    print(f"{entry.name}: {entry.summary}\n")
    if entry.documentation:
        print(entry.documentation + "\n")
    print(f"Promises  {entry.contract}")
    print(f"From      {entry.origin}\n")
    print_table(
        ("option", "type", "default", "meaning"),
        [(item.key, item.type, item.default, item.help) for item in entry.options],
    )
    print(f"\nExample\n  {entry.example}")
