"""Recurrent networks, scans, sorting, selection and control flow."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, attributes_of, clone, replaced, weight

SEQUENCE = Kinds("recurrence, order, control flow")
fault = SEQUENCE.add


@fault("lstm-directions-swapped", "LSTM")
def _directions(node: ir.Node, rw: Rewriter) -> Answer:
    arrays = [weight(rw, node, port) for port in (1, 2, 3)]
    if any(array is None or array.shape[0] != 2 for array in arrays):
        return None
    turned = [rw.const(np.ascontiguousarray(a[::-1])) for a in arrays if a is not None]
    return clone(rw, node, [node.inputs[0], *turned, *node.inputs[4:]])


@fault("lstm-gates-in-another-order", "LSTM")
def _gates(node: ir.Node, rw: Rewriter) -> Answer:
    arrays = [weight(rw, node, port) for port in (1, 2)]
    moved = []
    for array in arrays:
        if array is None:
            return None
        i, o, f, c = np.split(array, 4, axis=1)
        moved.append(rw.const(np.concatenate([i, f, o, c], 1)))
    return clone(rw, node, [node.inputs[0], *moved, *node.inputs[3:]])


@fault("lstm-initial-state-dropped", "LSTM")
def _initial(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.input(node, 5) is None:
        return None
    return clone(rw, node, replaced(node, 5, None))


@fault("lstm-states-swapped", "LSTM")
def _states(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.input(node, 5) is None or rw.input(node, 6) is None:
        return None
    *rest, hidden, cell = node.inputs
    return clone(rw, node, [*rest, cell, hidden])


@fault("lstm-last-outputs-swapped", "LSTM")
def _outputs(node: ir.Node, rw: Rewriter) -> Answer:
    if len(node.outputs) < 3:
        return None
    y, hidden, cell = clone(rw, node)
    return [y, cell, hidden]


@fault("recurrent-bias-dropped", "LSTM", "GRU")
def _bias(node: ir.Node, rw: Rewriter) -> Answer:
    bias = weight(rw, node, 3)
    if bias is None:
        return None
    bias = bias.copy()
    bias[:, bias.shape[1] // 2 :] = 0
    return clone(rw, node, replaced(node, 3, rw.const(bias)))


@fault("gru-linear-before-reset", "GRU")
def _reset(node: ir.Node, rw: Rewriter) -> Answer:
    return clone(rw, node, linear_before_reset=1 - rw.attr_int(node, "linear_before_reset", 0))


@fault("gru-gates-in-another-order", "GRU")
def _gru_gates(node: ir.Node, rw: Rewriter) -> Answer:
    moved = []
    for port in (1, 2):
        array = weight(rw, node, port)
        if array is None:
            return None
        z, r, h = np.split(array, 3, axis=1)
        moved.append(rw.const(np.concatenate([r, z, h], 1)))
    return clone(rw, node, [node.inputs[0], *moved, *node.inputs[3:]])


@fault("gru-direction", "GRU")
def _gru_direction(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "direction", "forward") != "forward":
        return None
    return clone(rw, node, direction="reverse")


@fault("cumsum-exclusive", "CumSum")
def _exclusive(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, exclusive=1 - rw.attr_int(node, "exclusive", 0))


@fault("cumsum-reverse", "CumSum")
def _reverse(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, reverse=1 - rw.attr_int(node, "reverse", 0))


@fault("topk-largest", "TopK")
def _largest(node: ir.Node, rw: Rewriter) -> Answer:
    return clone(rw, node, largest=1 - rw.attr_int(node, "largest", 1))


@fault("topk-unsorted", "TopK")
def _unsorted(node: ir.Node, rw: Rewriter) -> Answer:
    values, indices = clone(rw, node)
    axis = rw.attr_int(node, "axis", -1)
    count = rw.ints(rw.input(node, 1))
    if count is None:
        return None
    order = rw.const(np.arange(count[0])[::-1].copy())
    return [rw.op("Gather", each, order, axis=axis) for each in (values, indices)]


@fault("topk-one-fewer", "TopK")
def _fewer(node: ir.Node, rw: Rewriter) -> Answer:
    count = rw.ints(rw.input(node, 1))
    if count is None or count[0] < 2:
        return None
    return clone(rw, node, [node.inputs[0], rw.const([count[0] - 1])])


@fault("argmax-axis", "ArgMax")
def _argmax(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, axis=rw.attr_int(node, "axis", 0) - 1)


@fault("argmax-as-argmin", "ArgMax")
def _argmin(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("ArgMin", node.inputs[0], domain="", **attributes_of(node))


@fault("argmax-last-of-ties", "ArgMax")
def _ties(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, select_last_index=1 - rw.attr_int(node, "select_last_index", 0))


@fault("nms-iou-threshold", "NonMaxSuppression")
def _iou(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, *replaced(node, 3, rw.const(0.5)))


@fault("nms-score-threshold", "NonMaxSuppression")
def _score(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, *node.inputs[:4])


@fault("nms-one-fewer-box", "NonMaxSuppression")
def _boxes(node: ir.Node, rw: Rewriter) -> Answer:
    count = rw.ints(rw.input(node, 2))
    if count is None:
        return None
    return rw.copy(node, *replaced(node, 2, rw.const([count[0] - 1])))


@fault("nms-box-format", "NonMaxSuppression")
def _format(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, center_point_box=1 - rw.attr_int(node, "center_point_box", 0))


@fault("range-starts-at-one", "Range")
def _range(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("Add", rw.copy(node), node.inputs[2])


@fault("loop-one-trip-fewer", "Loop")
def _trips(node: ir.Node, rw: Rewriter) -> Answer:
    trips = rw.scalar(node.inputs[0])
    if trips is None:
        return None
    bodies = {"body": node.attributes["body"].as_graph().clone(allow_outer_scope_values=True)}
    return rw.ops(
        "Loop",
        *replaced(node, 0, rw.const(int(trips) - 1)),
        outputs=len(node.outputs),
        body=ir.AttrGraph("body", bodies["body"]),
    )


@fault("loop-starts-with-zero", "Loop")
def _start(node: ir.Node, rw: Rewriter) -> Answer:
    start = node.inputs[2]
    if start is None:
        return None
    body = node.attributes["body"].as_graph().clone(allow_outer_scope_values=True)
    zero = rw.op("Sub", start, start)
    return rw.ops(
        "Loop",
        *replaced(node, 2, zero),
        outputs=len(node.outputs),
        body=ir.AttrGraph("body", body),
    )


def _branches(node: ir.Node) -> tuple[ir.Graph, ir.Graph]:
    then = node.attributes["then_branch"].as_graph().clone(allow_outer_scope_values=True)
    other = node.attributes["else_branch"].as_graph().clone(allow_outer_scope_values=True)
    return then, other


@fault("if-branches-swapped", "If")
def _if(node: ir.Node, rw: Rewriter) -> Answer:
    then, other = _branches(node)
    return rw.ops(
        "If",
        node.inputs[0],
        outputs=len(node.outputs),
        then_branch=ir.AttrGraph("then_branch", other),
        else_branch=ir.AttrGraph("else_branch", then),
    )


@fault("if-decided-at-export", "If")
def _decided(node: ir.Node, rw: Rewriter) -> Answer:
    then, other = _branches(node)
    return rw.ops(
        "If",
        rw.const(np.array(True)),
        outputs=len(node.outputs),
        then_branch=ir.AttrGraph("then_branch", then),
        else_branch=ir.AttrGraph("else_branch", other),
    )
