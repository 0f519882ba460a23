"""GF308: Conv with a computed weight."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed, foldable
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class ConvWeights(NodeRule):
    """The weight of a Conv is computed while the model runs.

    The documentation of Conv speaks of constant weights: they are brought into the layout of the AI
    Core once, at conversion. A weight that depends on constants alone folds
    (``fold-constants``), and so does one that depends on known shapes (``sim``); one that depends
    on the data may still work, but is worth a look in the log of the conversion.
    """

    id = "GF308"
    title = "computed weight of a Conv"
    severity = Severity.INFO
    evidence = Evidence.INFERENCE
    citation = "documentation of ATC: ONNX operator Conv"
    covers = ("Conv/3",)
    op_types = ("Conv",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The second input is not a constant."""
        weight = view.input(node, 1)
        if computed(weight):
            assert weight is not None
            plain, folds = weight.producer() in view.foldable, foldable(weight)
            yield self.finding(
                f"takes a computed weight, {weight.name}",
                view.label(node),
                remedy="fold-constants" if plain else "sim" if folds else None,
                advice="" if folds else "look for it in the log of the conversion",
            )
