"""GF105: calls of functions."""

from collections import defaultdict
from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class Functions(Rule):
    """The model calls functions that it defines itself, which ATC does not read.

    The parser's copy of the format has no field for functions, so a call is an operator that is not
    registered. ``graphfix lower``, and ``apply`` with a target, write the body in place of every
    call. The functions of ``ascend`` do not count: they become the operators of ATC.
    """

    id = "GF105"
    title = "calls of functions"
    severity = Severity.ERROR
    citation = "hicann/ge: graph_metadef/proto/onnx/ge_onnx.proto"
    covers = ("L2", "O7")

    def check(self, view: View) -> Iterator[Finding]:
        """Every function that is called, with its calls."""
        calls: dict[tuple[str, str], list[ir.Node]] = defaultdict(list)
        for node in view.nodes:
            if (node.domain, node.op_type) in view.functions:
                calls[node.domain, node.op_type].append(node)
        for (domain, name), nodes in calls.items():
            yield self.finding(
                f"{domain}::{name} is a function of the model, which ATC does not read",
                *view.labels(nodes),
                advice="lowering writes its body in place of the calls: graphfix lower",
            )
