"""GF305: pads that are not pairs."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class OddPads(NodeRule):
    """``pads`` of a convolution or pool holds an odd count of numbers.

    There must be one for the begin and one for the end of every spatial axis; ATC's plugins fail
    otherwise, as ONNX does. Files that were edited by hand have it.
    """

    id = "GF305"
    title = "pads of odd length"
    severity = Severity.ERROR
    citation = (
        "hicann/ops-nn: conv, conv_transpose, average_pool, lppool, max_pool _onnx_plugin.cpp"
    )
    covers = ("Conv/1", "ConvTranspose/1", "AveragePool/1")
    op_types = ("Conv", "ConvTranspose", "AveragePool", "LpPool", "MaxPool")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The count is odd."""
        pads = ints(node, "pads") or ()
        if len(pads) % 2:
            yield self.finding(
                f"has pads of length {len(pads)}; ATC wants a begin and an end for each axis",
                view.label(node),
                advice="write all begins, then all ends",
            )
