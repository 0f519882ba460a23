"""``graphfix passes``: the table of passes."""

import typer

from graphfix.cli.options import AsJson, PluginFiles, open_registry
from graphfix.cli.render import print_json, print_table


def passes(context: typer.Context, plugin: PluginFiles = None, json: AsJson = False) -> None:
    """List the passes by topic: what each does, what it promises, who offers it; then groups."""
    from graphfix.stages.catalogue import by_topic, catalogue, groups

    registry = open_registry(context, plugin)
    entries, named = catalogue(registry), groups(registry)
    if json:
        print_json([*(entry.to_dict() for entry in entries), *(group.to_dict() for group in named)])
        return
    for topic, members in by_topic(entries).items():
        print(f"{topic}\n")
        print_table(
            ("pass", "promises", "from", "what it does"),
            [(entry.name, entry.contract, entry.origin, entry.summary) for entry in members],
        )
        print()
    print("Groups, which stand for several passes\n")
    print_table(
        ("group", "from", "what it does"),
        [(group.name, group.origin, group.summary) for group in named],
    )
