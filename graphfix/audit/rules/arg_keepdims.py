"""GF337: ArgMax and ArgMin that keep the axis."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import from_front, integer
from graphfix.audit.releases import between
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Profile


class ArgKeepdims(NodeRule):
    """An ArgMax or ArgMin keeps an axis other than 1, for CANN 5.1 or 6.0.

    ATC's plugin of these releases removes the axis and puts a new one in at 1, whatever the axis
    was: the dims come in another order. ``argmax`` writes ``keepdims`` 0 and an Unsqueeze.
    """

    id = "GF337"
    title = "keepdims of ArgMax"
    severity = Severity.WRONG
    citation = "canndev 2022-06-30: framework/onnx_plugin, argmax_plugin.cc, argmin_plugin.cc"
    covers = ("ArgMax/2",)
    op_types = ("ArgMax", "ArgMin")

    def applies(self, profile: Profile) -> bool:
        """Later releases put it in its place."""
        return between(profile, "5.1", "6.0")

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Where known sizes come out in another order."""
        shape = view.shape(view.input(node, 0))
        if integer(node, "keepdims", 1) != 1 or not shape:
            return
        axis = from_front(integer(node, "axis", 0), len(shape))
        if not 0 <= axis < len(shape):
            return
        left = [*shape[:axis], *shape[axis + 1 :]]
        wanted, made = [*left[:axis], 1, *left[axis:]], [*left[:1], 1, *left[1:]]
        pairs = zip(wanted, made, strict=True)
        if any(None not in (a, b) and a != b for a, b in pairs) or len(shape) == 1:
            yield self.finding(
                f"keeps axis {axis}; ATC puts it in at 1",
                view.label(node),
                remedy="argmax",
            )
