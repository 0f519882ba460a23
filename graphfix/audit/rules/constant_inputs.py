"""GF300: inputs that ATC wants as constants."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.reading import computed, from_shapes, opens_shape
from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.symbolic import Facts

_REDUCTIONS: Final = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
)  # fmt: skip
_INPUTS: Final = {
    "ConstantOfShape": {0: "the shape"},
    "CumSum": {1: "the axis"},
    "Expand": {1: "the shape"},
    "OneHot": {1: "the depth"},
    "Range": {0: "the start", 1: "the limit", 2: "the step"},
    "Reshape": {1: "the shape"},
    "Split": {1: "the sizes"},
    "Squeeze": {1: "the axes"},
    "Tile": {1: "the repeats"},
    "Unsqueeze": {1: "the axes"},
    **{reduction: {1: "the axes"} for reduction in _REDUCTIONS},
}


class ConstantInputs(Rule):
    """A shape, axes, repeats or bounds are computed while the model runs.

    With a constant, ATC knows the shape of the result and uses the kernel that has it as an
    attribute. Without, the result and everything behind it has a dynamic shape: no gears, no
    static graph for the AI Core. CumSum with a computed axis runs on the AI CPU.

    What is the same for all sizes of the inputs can become a constant (``fold-shapes``), and so can
    the shape of a Reshape of which one size varies. For others, fix the sizes of the inputs first.
    """

    id = "GF300"
    title = "computed shape or axes"
    severity = Severity.DYNAMIC
    citation = "canndev 2022-06-30: fusion_pass, const2attr_fusion_pass.cc"
    covers = (
        "G4", "CumSum/1", "Expand/1", "Reshape/1", "ConstantOfShape/1", "OneHot/1", "Range/1",
        "ReduceX/1", "Squeeze/1", "Tile/1",
    )  # fmt: skip

    def check(self, view: View) -> Iterator[Finding]:
        """Inputs that are no constants, where no shape behind them is known either."""
        facts = Facts(view.model)
        for node in view.of(*_INPUTS):
            slow = node.op_type == "CumSum"
            for index, what in _INPUTS[node.op_type].items():
                value = view.input(node, index)
                is_open = computed(value) if slow else opens_shape(node, value, view)
                if value is None or not is_open or value.producer() in view.foldable:
                    continue  # a constant that is not folded yet is a finding of its own
                folds = _folds(node, value, facts)
                advice = (
                    "it follows from sizes of inputs: fix these with dynamic-shape"
                    if from_shapes(value)
                    else "make it a constant, or fix what it depends on"
                )
                yield self.finding(
                    f"computes {what} ({value.name}) while the model runs",
                    view.label(node),
                    remedy="fold-shapes" if folds else None,
                    advice="" if folds else advice,
                    severity=Severity.SLOW if slow else None,
                )
                break


def _folds(node: ir.Node, value: ir.Value, facts: Facts) -> bool:
    """Whether ``fold-shapes`` makes a constant of an input of the node."""
    known = facts.value(value)
    if known is None or node.op_type not in ("Reshape", "Expand"):
        return known is not None and known.constant is not None
    own: tuple[object, ...] = facts.dims(node.inputs[0]) or ()
    sizes = known.sizes
    if node.op_type == "Expand":
        own = (None,) * (len(sizes) - len(own)) + own
    varying = [
        size
        for axis, size in enumerate(sizes)
        if not isinstance(size, int) and (axis >= len(own) or size is None or size != own[axis])
    ]
    return len(varying) <= (node.op_type == "Reshape") and None not in varying
