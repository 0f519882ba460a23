"""GF277: MaxRoiPool without two pooled sizes."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import ints
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class MaxRoiPoolShape(NodeRule):
    """``pooled_shape`` of a MaxRoiPool must hold a height and a width; ATC stops otherwise.

    The operator computes in float16, so it does not convert with
    ``--precision_mode=must_keep_origin_dtype`` in a float32 model.
    """

    id = "GF277"
    title = "MaxRoiPool without two pooled sizes"
    severity = Severity.ERROR
    citation = "hicann/ops-cv: max_roi_pool_onnx_plugin.cpp"
    covers = ("MaxRoiPool/1",)
    op_types = ("MaxRoiPool",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The length of the attribute."""
        shape = ints(node, "pooled_shape") or ()
        if len(shape) != 2:
            yield self.finding(
                f"has {len(shape)} numbers in pooled_shape, and ATC wants height and width",
                view.label(node),
                advice="write pooled_shape=[height, width]",
            )
