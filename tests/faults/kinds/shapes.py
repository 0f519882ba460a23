"""Shape operators, slices, gathers and reductions along the wrong axis or off by one."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, clone, is_float, rank, replaced

SHAPES = Kinds("shapes and indices")
fault = SHAPES.add

REDUCTIONS = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2")


@fault("transpose-perm", "Transpose")
def _perm(node: ir.Node, rw: Rewriter) -> Answer:
    perm = list(rw.attr_ints(node, "perm") or ())
    if len(perm) < 2:
        return None
    perm[-1], perm[-2] = perm[-2], perm[-1]
    return rw.copy(node, perm=perm)


@fault("transpose-dropped-by-reshape", "Transpose")
def _reshaped(node: ir.Node, rw: Rewriter) -> Answer:
    shape = rw.op("Shape", rw.copy(node))
    return rw.op("Reshape", node.inputs[0], shape)


@fault("reshape-order", "Reshape")
def _order(node: ir.Node, rw: Rewriter) -> Answer:
    dims = rank(node.inputs[0])
    if dims is None or dims < 2 or not is_float(node.inputs[0]):
        return None
    perm = [*range(dims - 2), dims - 1, dims - 2]
    turned = rw.op("Transpose", node.inputs[0], perm=perm)
    return rw.op("Reshape", turned, rw.op("Shape", rw.copy(node)))


@fault("concat-order", "Concat")
def _concat(node: ir.Node, rw: Rewriter) -> Answer:
    if len(node.inputs) < 2:
        return None
    return rw.copy(node, *reversed(node.inputs))


@fault("concat-axis", "Concat")
def _concat_axis(node: ir.Node, rw: Rewriter) -> Answer:
    dims = rank(node.inputs[0])
    if dims is None or dims < 2:
        return None
    return rw.copy(node, axis=(rw.attr_int(node, "axis", 0) - 1) % dims)


def _slice(node: ir.Node, rw: Rewriter, starts: int, ends: int) -> Answer:
    """Move the constant starts and ends of a Slice with step 1."""
    first, last = rw.ints(rw.input(node, 1)), rw.ints(rw.input(node, 2))
    steps = rw.ints(rw.input(node, 4)) if rw.has_input(node, 4) else (1,)
    if first is None or (last is None and ends) or not steps or steps[0] != 1:
        return None
    inputs = replaced(node, 1, rw.const([first[0] + starts, *first[1:]]))
    if ends and last is not None:
        inputs[2] = rw.const([last[0] + ends, *last[1:]])
    return rw.copy(node, *inputs)


@fault("slice-moved-by-one", "Slice")
def _moved(node: ir.Node, rw: Rewriter) -> Answer:
    first = rw.ints(rw.input(node, 1))
    back = bool(first and first[0] > 0)
    return _slice(node, rw, -1 if back else 1, -1 if back else 1)


@fault("slice-end-off-by-one", "Slice")
def _end(node: ir.Node, rw: Rewriter) -> Answer:
    return _slice(node, rw, 0, -1)


@fault("slice-reversal-dropped", "Slice")
def _reversal(node: ir.Node, rw: Rewriter) -> Answer:
    steps = rw.ints(rw.input(node, 4)) if rw.has_input(node, 4) else None
    if steps is None or steps[0] != -1:
        return None
    return rw.op("Identity", node.inputs[0])


@fault("slice-reversal-without-first", "Slice")
def _reversal_short(node: ir.Node, rw: Rewriter) -> Answer:
    steps = rw.ints(rw.input(node, 4)) if rw.has_input(node, 4) else None
    if steps is None or steps[0] != -1:
        return None
    return rw.copy(node, *replaced(node, 2, rw.const([0])))


@fault("split-outputs-swapped", "Split")
def _split(node: ir.Node, rw: Rewriter) -> Answer:
    first, second, *rest = clone(rw, node)
    return [second, first, *rest]


@fault("split-axis", "Split")
def _split_axis(node: ir.Node, rw: Rewriter) -> Answer:
    return clone(rw, node, axis=rw.attr_int(node, "axis", 0) - 1)


@fault("gather-index-off-by-one", "Gather")
def _gather(node: ir.Node, rw: Rewriter) -> Answer:
    index = rw.constant(node.inputs[1])
    if index is None:
        return None
    moved = np.where(index > 0, index - 1, index + 1)
    return rw.copy(node, node.inputs[0], rw.const(moved.astype(index.dtype)))


@fault("gather-computed-index-off-by-one", "Gather")
def _gather_computed(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.constant(node.inputs[1]) is not None:
        return None
    one = rw.const(1)
    moved = rw.op("Max", rw.op("Sub", node.inputs[1], one), rw.const(0))
    return rw.copy(node, node.inputs[0], moved)


@fault("gather-axis", "Gather")
def _gather_axis(node: ir.Node, rw: Rewriter) -> Answer:
    dims = rank(node.inputs[0])
    if dims is None or dims < 2:
        return None
    return rw.copy(node, axis=(rw.attr_int(node, "axis", 0) + 1) % dims)


@fault("gathernd-columns-swapped", "GatherND")
def _gathernd(node: ir.Node, rw: Rewriter) -> Answer:
    swapped = rw.op("Gather", node.inputs[1], rw.const([1, 0]), axis=-1)
    return rw.copy(node, node.inputs[0], swapped)


@fault("unsqueeze-axis", "Unsqueeze")
def _unsqueeze(node: ir.Node, rw: Rewriter) -> Answer:
    axes = rw.param_ints(node, "axes", 1)
    if axes is None or not rank(node.inputs[0]):
        return None
    moved = [axis - 1 if axis > 0 else axis + 1 if axis == 0 else -2 for axis in axes]
    if len(set(moved)) < len(moved):
        return None
    if "axes" in node.attributes:
        return rw.copy(node, axes=moved)
    return rw.copy(node, node.inputs[0], rw.const(moved))


@fault("flatten-axis", "Flatten")
def _flatten(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, axis=rw.attr_int(node, "axis", 1) + 1)


@fault("shape-frozen-at-export", "Shape")
def _frozen(node: ir.Node, rw: Rewriter) -> Answer:
    value = node.inputs[0]
    if value is None or value.shape is None or value.shape.is_static():
        return None
    return rw.const([dim if isinstance(dim, int) else 1 for dim in value.shape])


@fault("batch-frozen-in-reshape", "Reshape")
def _batch(node: ir.Node, rw: Rewriter) -> Answer:
    shape = node.inputs[1]
    dims = rank(node.outputs[0])
    if rw.constant(shape) is not None or dims is None:
        return None
    rest = rw.op("Slice", shape, rw.const([1]), rw.const([dims]), rw.const([0]))
    return rw.copy(node, node.inputs[0], rw.op("Concat", rw.const([1]), rest, axis=0))


def _axes(node: ir.Node, rw: Rewriter) -> tuple[int, ...] | None:
    return rw.param_ints(node, "axes", 1)


@fault("reduce-axis", *REDUCTIONS)
def _reduce_axis(node: ir.Node, rw: Rewriter) -> Answer:
    axes, dims = _axes(node, rw), rank(node.inputs[0])
    if not axes or dims is None or len(axes) >= dims:
        return None
    moved = sorted((axis - 1) % dims for axis in axes)
    if "axes" in node.attributes:
        return rw.copy(node, axes=moved)
    return rw.copy(node, node.inputs[0], rw.const(moved))


@fault("reduce-keepdims", *REDUCTIONS, "ArgMax")
def _keepdims(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, keepdims=1 - rw.attr_int(node, "keepdims", 1))


@fault("mean-as-sum", "ReduceMean")
def _sum(node: ir.Node, rw: Rewriter) -> Answer:
    axes = _axes(node, rw)
    keep = rw.attr_int(node, "keepdims", 1)
    if not axes:
        return None
    if rw.opset < 13:
        return rw.op("ReduceSum", node.inputs[0], axes=list(axes), keepdims=keep)
    return rw.op("ReduceSum", node.inputs[0], rw.const(list(axes)), keepdims=keep)


@fault("maximum-as-mean", "ReduceMax")
def _max_mean(node: ir.Node, rw: Rewriter) -> Answer:
    axes = _axes(node, rw)
    if not axes:
        return None
    keep = rw.attr_int(node, "keepdims", 1)
    return rw.op("ReduceMean", node.inputs[0], axes=list(axes), keepdims=keep)


@fault("l2-as-l1", "ReduceL2")
def _l1(node: ir.Node, rw: Rewriter) -> Answer:
    axes = _axes(node, rw)
    if not axes:
        return None
    keep = rw.attr_int(node, "keepdims", 1)
    return rw.op("ReduceL1", node.inputs[0], axes=list(axes), keepdims=keep)


@fault("constant-folded-with-wrong-shape", "Add", "Mul")
def _shape(node: ir.Node, rw: Rewriter) -> Answer:
    for port in (0, 1):
        array = rw.constant(node.inputs[port])
        if array is not None and array.ndim == 1 and array.size > 1:
            return rw.copy(node, *replaced(node, port, rw.const(array[:, None])))
    return None


@fault("constant-broadcast-from-its-first", "Add", "Mul", "Sub", "Div")
def _broadcast(node: ir.Node, rw: Rewriter) -> Answer:
    for port in (0, 1):
        array = rw.constant(node.inputs[port])
        if array is not None and array.size > 1:
            first = np.ascontiguousarray(np.broadcast_to(array.reshape(-1)[0], array.shape))
            return rw.copy(node, *replaced(node, port, rw.const(first)))
    return None
