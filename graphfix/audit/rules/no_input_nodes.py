"""GF134: nodes that read nothing."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.subgraphs import subgraphs_of_node
from graphfix.target import Evidence, Profile


class NoInputNodes(Rule):
    """A node without any input may get lost.

    Up to CANN 9.1 the graph is built from its inputs and constants outwards; what hangs on neither,
    such as RandomNormal, is not reached. Draw random numbers outside and make them an input.
    """

    id = "GF134"
    title = "nodes that read nothing"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = "hicann/ge 9.1.0: parser/parser/onnx/onnx_parser.cc"
    covers = ("S9",)

    def applies(self, profile: Profile) -> bool:
        """The development branch adds such nodes by themselves."""
        return profile.cann != "development"

    def check(self, view: View) -> Iterator[Finding]:
        """Nodes that are no constants."""
        for node in view.model.graph:
            constant = node.op_type == "Constant" and node.domain in DEFAULT_DOMAIN
            reads = any(value is not None for value in node.inputs)
            if not (constant or reads or any(subgraphs_of_node(node))):
                yield self.finding(
                    f"{node.op_type} reads nothing and may be dropped",
                    view.label(node),
                    advice="compute it outside, and make it an input or a constant",
                )
