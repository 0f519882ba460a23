"""GF344: DepthToSpace and SpaceToDepth with small blocks."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_SMALLEST: Final = {"DepthToSpace": 2, "SpaceToDepth": 1}


class BlockSize(NodeRule):
    """The block of a DepthToSpace is smaller than 2, or that of a SpaceToDepth smaller than 1.

    ATC's plugins refuse it. A block of 1 changes nothing, so the node can be removed.
    """

    id = "GF344"
    title = "small blocks"
    severity = Severity.ERROR
    citation = "hicann/ops-math: depth_to_space, space_to_depth _onnx_plugin.cpp"
    covers = ("DepthToSpace/1", "SpaceToDepth/1")
    op_types = ("DepthToSpace", "SpaceToDepth")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The attribute, when it is there."""
        size, smallest = integer(node, "blocksize", None), _SMALLEST[node.op_type]
        if size is not None and size < smallest:
            yield self.finding(
                f"has blocksize {size}; ATC takes {smallest} and up",
                view.label(node),
                advice="remove the node" if size == 1 else "give it the size of the blocks",
            )
