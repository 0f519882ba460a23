"""GF310: output_shape of a ConvTranspose over one dim."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.audit.windows import window
from graphfix.finding import Finding, Severity


class ConvTransposeOutputRank(NodeRule):
    """A ConvTranspose over one dim has an ``output_shape`` of one number.

    ATC's plugin makes it a ConvTranspose over two dims, adds the second to strides, pads and
    ``output_padding``, but not to ``output_shape``, and fails because that is too short.
    ``conv-attrs`` writes ``pads`` and ``output_padding`` instead.
    """

    id = "GF310"
    title = "output_shape over one dim"
    severity = Severity.ERROR
    citation = "hicann/ops-nn: conv_transpose_onnx_plugin.cpp, SetAttrToOpConvTranspose"
    covers = ("ConvTranspose/4",)
    op_types = ("ConvTranspose",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """One number for one dim; the dims by ``kernel_shape`` or the weight."""
        weight = view.shape(view.input(node, 1)) or ()
        found = window(node, view, tuple(size or 1 for size in weight[2:]))
        sizes = ints(node, "output_shape")
        if found is not None and sizes is not None and len(found.kernel) == len(sizes) == 1:
            yield self.finding(
                f"has output_shape {sizes[0]} over one dim; ATC wants two numbers there",
                view.label(node),
                remedy="conv-attrs",
            )
