"""``graphfix adapters``: the models that graphfix knows from export to figures."""

import typer

from graphfix.cli.options import AsJson, PluginFiles, open_registry
from graphfix.cli.render import print_json, print_table


def adapters(context: typer.Context, plugin: PluginFiles = None, json: AsJson = False) -> None:
    """List the adapters: what each model is, its passes, its reference."""
    from graphfix.stages.adapters import list_adapters

    entries = list_adapters(open_registry(context, plugin))
    if json:
        print_json([entry.to_dict() for entry in entries])
        return
    print_table(
        ("adapter", "pipeline", "reference", "what it is"),
        [(entry.name, entry.pipeline, entry.reference, entry.summary) for entry in entries],
    )
