"""Options that several commands share, and how they open the registry."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graphfix.plugins import Registry

PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Python file with passes to load; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Shapes = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        help="Input shape to verify at, such as x:1,3,32,100; repeat for several inputs or sizes.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Real samples to verify with: .npz, .npy or .bin, or a folder."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the generated inputs.")]

TargetFiles = Annotated[
    list[Path] | None,
    typer.Option("--target-file", help="YAML with more operators; may be repeated."),
]


def open_registry(context: typer.Context, files: list[Path] | None) -> "Registry":
    """All passes; plugins that cannot be loaded are reported on stderr and left out."""
    from graphfix.plugins import load_registry

    registry = load_registry(files or (), also=context.obj)
    for error in registry.broken:
        print(f"warning: {error}", file=sys.stderr)
    return registry
