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
_STATES: Final = {"GRU": (5,), "LSTM": (5, 6), "RNN": (5,)}
"""The inputs ``initial_h`` and ``initial_c`` of recurrent operators."""
_MOVES: Final = frozenset({
    "Cast", "Expand", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose",
})  # fmt: skip
"""What makes zeros of zeros, whatever else it reads."""
_DEEPEST: Final = 8
"""Nodes between where zeros are made and where they are read."""


class ConstantInputs(Rule):
    """A shape, axes, repeats or bounds are computed while the model runs.

    With a constant, ATC knows the shape of the result and uses the kernel that has it as an
    attribute. Without, the result and everything behind it has a dynamic shape: no gears, no
    static graph for the AI Core. CumSum with a computed axis runs on the AI CPU.

    What is the same for all sizes of the inputs can become a constant (``fold-shapes``), and so can
    the shape of a Reshape of which one size varies. Zeros that recurrent layers start from anyway
    go (``rnn-states``). For others, fix the sizes of the inputs first.
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
                remedy = "fold-shapes" if _folds(node, value, facts) else None
                if remedy is None and _is_zero_state(node, view):
                    remedy = "rnn-states"
                advice = (
                    "it follows from sizes of inputs: fix these with dynamic-shape"
                    if from_shapes(value)
                    else "make it a constant, or fix what it depends on"
                )
                yield self.finding(
                    f"computes {what} ({value.name}) while the model runs",
                    view.label(node),
                    remedy=remedy,
                    advice="" if remedy else advice,
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


def _is_zero_state(node: ir.Node, view: View) -> bool:
    """Whether a node makes zeros for recurrent layers to start from, and for nothing else."""
    if not _is_zeros(node.outputs[0], view):
        return False
    layer = set(node.outputs[:1])
    for _ in range(_DEEPEST):
        following: set[ir.Value] = set()
        for value in layer:
            if value.is_graph_output():
                return False
            for reader, port in value.uses():
                if port in _STATES.get(reader.op_type, ()):
                    continue
                if port or reader.op_type not in _MOVES:
                    return False
                following.update(reader.outputs)
        if not following:
            return True
        layer = following
    return False


def _is_zeros(value: ir.Value | None, view: View) -> bool:
    """Whether all elements are +0, as far as that shows."""
    for _ in range(_DEEPEST):
        array = view.constant(value)
        if array is not None:
            return not array.tobytes().strip(b"\0")
        node = value.producer() if value is not None else None
        if node is not None and node.op_type == "ConstantOfShape":
            filled = node.attributes.get("value")
            tensor = None if filled is None else filled.value
            zeros = isinstance(tensor, ir.TensorProtocol) and not tensor.tobytes().strip(b"\0")
            return filled is None or zeros
        if node is None or node.op_type not in _MOVES:
            return False
        value = view.input(node, 0)
    return False
