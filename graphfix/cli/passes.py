"""``graphfix passes``: the table of passes."""

import typer

from graphfix.cli.options import AsJson, PluginFiles, open_registry
from graphfix.cli.render import print_json, print_table


def passes(context: typer.Context, plugin: PluginFiles = None, json: AsJson = False) -> None:
    """List the passes: name, what each does, what it promises, who offers it."""
    from graphfix.stages.catalogue import catalogue

    entries = catalogue(open_registry(context, plugin))
    if json:
        print_json([entry.to_dict() for entry in entries])
        return
    print_table(
        ("pass", "promises", "from", "what it does"),
        [(entry.name, entry.contract, entry.origin, entry.summary) for entry in entries],
    )
