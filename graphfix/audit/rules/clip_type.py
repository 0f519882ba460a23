"""GF322: Clip that changes the type."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_BOUNDS_ARE_INPUTS: Final = 11


class ClipType(NodeRule):
    """The result of a Clip is float32, whatever goes in.

    Below opset 11 ATC's plugin puts a Cast to float32 in front and none behind. Up to CANN 6.0 it
    does so from opset 11 on too when one of the bounds is left out. What follows gets float32 where
    the model says float16 or double. Convert to opset 11; up to CANN 6.0 give both bounds.
    """

    id = "GF322"
    title = "Clip makes float32"
    severity = Severity.WRONG
    citation = "hicann/ops-math: clip_onnx_plugin.cpp; canndev 2022-06-30: clip_plugin.cc"
    covers = ("Clip/2", "Clip/1")
    op_types = ("Clip",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Where the type is known and another."""
        data = view.input(node, 0)
        if data is None or data.dtype in (None, ir.DataType.FLOAT):
            return
        bounds = (view.input(node, 1), view.input(node, 2))
        if view.opset < _BOUNDS_ARE_INPUTS:
            reason, remedy = (
                f"below opset {_BOUNDS_ARE_INPUTS}",
                f"opset{{to={_BOUNDS_ARE_INPUTS}}}",
            )
        elif between(view.profile, "5.1", "6.0") and bounds.count(None) == 1:
            reason, remedy = "with one bound", "clip-bounds"
        else:
            return
        assert data.dtype is not None
        yield self.finding(
            f"gives float32 for {data.dtype.name.lower()}: ATC casts its input {reason}",
            view.label(node),
            remedy=remedy,
        )
