"""GF210: Resize by scales of an input with open dims."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed
from graphfix.audit.resizing import inputs_of
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class ResizeRunTimeSize(NodeRule):
    """ATC computes the size from the scales in the graph: open dims make it a value of run time.

    The plugin adds ``Shape``, ``Mul`` and two Casts. With a static input they are folded; with an
    open dim the size, and every shape behind, is dynamic. Static shapes (``--input_shape``) and
    gears avoid it.
    """

    id = "GF210"
    title = "Resize by scales of open dims"
    severity = Severity.DYNAMIC
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, BuildResizeSizesFromInputs"
    covers = ("Resize/12",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """There are constant scales and no sizes, and a dim of the input has a name."""
        scales, sizes = inputs_of(node, view)
        data = view.input(node, 0)
        if scales is None or sizes is not None or computed(scales):
            return
        if data is None or data.shape is None:
            return
        names = [d.value for d in data.shape if isinstance(d, ir.SymbolicDim) and d.value]
        if names:
            yield self.finding(
                f"computes its size at run time while {', '.join(dict.fromkeys(names))} of its "
                "input is open",
                view.label(node),
                advice="convert with a static --input_shape or with gears",
            )
