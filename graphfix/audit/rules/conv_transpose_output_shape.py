"""GF309: what output_shape of one ConvTranspose does to others."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ConvTransposeOutputShape(Rule):
    """A ConvTranspose gets its padding mode from another node.

    ATC's plugin keeps two switches for the whole conversion and never resets them: that some node
    had ``output_shape``, and that some node had ``auto_pad``. While only the first is on, every
    ConvTranspose is made SAME_LOWER, those with plain ``pads`` too. Once the second is on, a node
    with ``output_shape`` is not any more, so its padding is on other sides.

    Write ``pads`` and ``output_padding`` and no ``output_shape``: ``conv-attrs`` does.
    """

    id = "GF309"
    title = "output_shape of another ConvTranspose"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: conv_transpose_onnx_plugin.cpp, SetAttrToOpConvTranspose"
    covers = ("ConvTranspose/2",)

    def check(self, view: View) -> Iterator[Finding]:
        """In the order of the graph, which is that of the parser."""
        shaped = padded = None
        for node in view.of("ConvTranspose"):
            has_shape, has_mode = "output_shape" in node.attributes, "auto_pad" in node.attributes
            if has_shape and not has_mode and padded is not None:
                told = f"'{view.label(padded)}' before it has auto_pad"
                yield self._finding(f"loses the padding of its output_shape, as {told}", node, view)
            elif shaped is not None and padded is None and not (has_shape or has_mode):
                told = f"'{view.label(shaped)}' before it has output_shape"
                yield self._finding(f"gets SAME_LOWER in place of its pads, as {told}", node, view)
            shaped = shaped or (node if has_shape else None)
            padded = padded or (node if has_mode else None)

    def _finding(self, effect: str, node: ir.Node, view: View) -> Finding:
        return self.finding(effect, view.label(node), remedy="conv-attrs")
