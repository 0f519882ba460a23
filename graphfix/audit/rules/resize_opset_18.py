"""GF212: what opset 18 added to Resize."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer, ints, rank, text
from graphfix.audit.resizing import inputs_of, resizing
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_ADVICE = (
    "fix the sizes of the input with dynamic-shape, for resize-matmul, or do without antialias"
)


class ResizeOpset18(NodeRule):
    """ATC leaves ``antialias``, ``axes`` and ``keep_aspect_ratio_policy`` out with a warning.

    With ``axes`` the sizes of some dims are taken for those of all. ``opset`` (to 17 or less)
    writes sizes of full rank and stretches as the policy says. Antialiasing only counts where the
    data shrink; it has no older form, but ``resize-matmul`` multiplies by its weights.
    """

    id = "GF212"
    title = "antialias, axes or aspect ratio of Resize"
    severity = Severity.WRONG
    citation = "hicann/ops-nn: resize_onnx_plugin.cpp, ParseParamsResize"
    covers = ("Resize/11",)
    op_types = ("Resize",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Each attribute, where it makes a difference."""
        if view.opset < 18:
            return
        what = resizing(node, view)
        remedy = f"opset{{to={min(17, view.profile.opset_window[1])}}}"
        shrinks = any(axis.factor is not None and axis.factor < 1 for axis in what.axes)
        if integer(node, "antialias", 0) and what.mode != "nearest" and shrinks:
            yield self.finding(
                "shrinks its input with antialias=1, which ATC leaves out",
                view.label(node),
                remedy=what.remedy,
                advice="" if what.remedy else _ADVICE,
            )
        axes = ints(node, "axes")
        dims = rank(view.input(node, 0))
        if axes is not None and dims is not None and axes != tuple(range(dims)):
            yield self.finding(
                f"has axes={list(axes)} of {dims} dims, which ATC does not read",
                view.label(node),
                remedy=remedy,
            )
        policy = text(node, "keep_aspect_ratio_policy", "stretch")
        if policy != "stretch" and inputs_of(node, view)[1] is not None:
            yield self.finding(
                f"has keep_aspect_ratio_policy={policy}, which ATC does not read",
                view.label(node),
                remedy=remedy,
            )
