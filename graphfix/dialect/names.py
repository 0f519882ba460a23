"""Names of nodes: there, unique, and legal.

ATC makes nodes of graph inputs (with the name of the tensor) and of initializers
(``<tensor>_Initializer_<i>``, counted in the order of names), and a name that is there twice stops
it with E13009. Nodes without a name become ``<operator>_<k>``, which may collide. ``:`` and ``;``
split what ``--out_nodes`` names. Source: hicann/ge: parser/parser/onnx/onnx_parser.cc,
parser/common/pre_checker.cc, api/atc/omg.cc.
"""

from typing import Final

from graphfix.dialect.scope import Scope

_LEGAL: Final = str.maketrans(":;", "__")


def name_nodes(scope: Scope) -> None:
    """Name every node of the main graph and its subgraphs."""
    used = set[str]()
    for graph in scope.model.graphs():
        used.update(value.name or "" for value in graph.inputs)
        used.update(f"{k}_Initializer_{i}" for i, k in enumerate(sorted(graph.initializers)))
    nodes = tuple(scope.model.graph.all_nodes())
    unnamed = [node for node in nodes if not node.name]
    for node in nodes:
        if node.name:
            name = _unique(node.name.translate(_LEGAL), used)
            if name != node.name:
                scope.journal.changed(node, f"named {name!r}, which is unique and legal for ATC")
                node.name = name
    for index, node in enumerate(unnamed):
        node.name = _unique(f"{node.op_type}_{index}", used)
    if unnamed:
        count = f"{len(unnamed)} node{'s' if len(unnamed) > 1 else ''}"
        scope.journal.changed(None, f"{count} without a name named")


def _unique(name: str, used: set[str]) -> str:
    candidate, counter = name, 0
    while candidate in used:
        counter += 1
        candidate = f"{name}_{counter}"
    used.add(candidate)
    return candidate
