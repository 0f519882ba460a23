"""GF142: constants that are computed when the model runs."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.target import Evidence

_RANDOM: Final = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike", "Dropout"}
)


class UnfoldedConstants(Rule):
    """Nodes work on constants alone.

    What they compute is the same in every run. ATC folds what it can, and runs the rest each time,
    in types that the AI Core may not have (index tables in int64 or double are typical). ``sim``
    folds them; results that would make the file much larger are left.
    """

    id = "GF142"
    title = "constants computed at run time"
    severity = Severity.SLOW
    evidence = Evidence.INFERENCE
    citation = "canndev 2022-06-30: fusion_pass, const2attr_fusion_pass.cc"

    def check(self, view: View) -> Iterator[Finding]:
        """All such nodes of the main graph at once."""
        folded: list[ir.Node] = []
        constants: set[ir.Value] = set()
        for node in view.model.graph:
            given = [value for value in node.inputs if value is not None]
            if (
                given
                and node.domain in DEFAULT_DOMAIN
                and node.op_type not in _RANDOM
                and all(v in constants or view.is_constant(v) for v in given)
                and not any(subgraphs_of_node(node))
            ):
                constants.update(node.outputs)
                folded.append(node)
        if folded:
            yield self.finding(
                f"{len(folded)} nodes compute constants", *view.labels(folded), remedy="sim"
            )
