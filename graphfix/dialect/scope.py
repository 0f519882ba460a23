"""What a form needs to spell one node: the model, a rewriter, and where to say what was done."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.dialect.records import Journal
from graphfix.dialect.shapes import Knowledge
from graphfix.rewrite import PassContext, Rewriter
from graphfix.rewrite.subgraphs import subgraphs_of_node


@dataclass(frozen=True)
class Scope:
    """One model on its way from one spelling to the other."""

    model: ir.Model
    journal: Journal
    knowledge: Knowledge
    rewriter: Rewriter

    @classmethod
    def of(cls, model: ir.Model, journal: Journal) -> "Scope":
        """Begin with a model; its types and shapes are those that the file says."""
        return cls(model, journal, Knowledge(model), Rewriter(model, PassContext()))

    @property
    def opset(self) -> int:
        """The version of the default domain."""
        return self.model.graph.opset_imports.get("", 1)

    def at(self, node: ir.Node) -> Rewriter:
        """The rewriter, to build before ``node`` and to commit what takes its place."""
        assert node.graph is not None
        self.rewriter.begin(node, node.graph)
        return self.rewriter

    def replace(self, node: ir.Node, value: ir.Value) -> None:
        """Let what :meth:`at` has built take the place of the first output of ``node``."""
        for made in self.rewriter.added:
            self.knowledge.settle(made, self.opset)
        self.rewriter.commit({node.outputs[0]: value})

    def nodes(self) -> Iterator[ir.Node]:
        """All nodes of the main graph, each after the nodes of its own subgraphs.

        Nodes that are inserted or removed meanwhile do not disturb, and new ones are left out.
        """
        yield from _nodes(self.model.graph)


def _nodes(graph: ir.Graph) -> Iterator[ir.Node]:
    for node in list(graph):
        for inner in list(subgraphs_of_node(node)):
            yield from _nodes(inner)
        if node.graph is not None:
            yield node


def attr_int(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute; one of another type counts as missing, as it does for ATC."""
    attribute = node.attributes.get(name)
    if attribute is None or attribute.type != ir.AttributeType.INT:
        return default
    return attribute.as_int()


def set_attributes(node: ir.Node, *attributes: ir.Attr) -> tuple[str, ...]:
    """Write the attributes that are missing; return their names."""
    missing = [item for item in attributes if item.name not in node.attributes]
    for item in missing:
        node.attributes.add(item)
    return tuple(item.name for item in missing)
