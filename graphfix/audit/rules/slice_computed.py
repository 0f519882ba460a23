"""GF232: Slice with computed bounds."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import computed, foldable, from_shapes, opens_shape
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_NAMES = ("starts", "ends", "axes", "steps")


class SliceComputed(NodeRule):
    """A Slice with constant bounds runs on the AI Core, one with computed bounds on the AI CPU.

    ATC reads a Slice as StridedSliceV2, which had a kernel for the AI CPU only in 2022, and
    replaces it by StridedSliceD when all bounds are constants. Computed bounds also leave the size
    of the output open. What depends on static shapes alone ATC folds itself.
    """

    id = "GF232"
    title = "computed bounds of Slice"
    severity = Severity.SLOW
    citation = "canndev 2022-06-30: const2attr_fusion_pass.cc, aicpu/op_info_cfg"
    covers = ("Slice/1", "G4")
    op_types = ("Slice",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Some bounds are computed from data that are."""
        data = view.input(node, 0)
        if view.opset < 10 or data is None or not computed(data) or from_shapes(data):
            return
        given = [(name, view.input(node, i)) for i, name in enumerate(_NAMES, start=1)]
        found = [(name, v) for name, v in given if v is not None and opens_shape(node, v, view)]
        if found:
            folds = all(foldable(value) for _, value in found)
            yield self.finding(
                f"computes its {' and '.join(name for name, _ in found)} while the model runs",
                view.label(node),
                remedy="fold-shapes" if folds else None,
                advice="" if folds else "make them constants, or use Gather",
            )
