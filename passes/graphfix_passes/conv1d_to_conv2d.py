"""The ``conv1d-to-conv2d`` pass: networks over sequences as networks over flat pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes._known import dims, rank

_WEIGHTED = ("Conv", "ConvTranspose")
_POOLS = ("AveragePool", "LpPool", "MaxPool")
_BY_CHANNEL = frozenset(
    {"BatchNormalization", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool",
     "InstanceNormalization"}
)  # fmt: skip
"""Their first input has spatial axes, the others one number per channel."""
_POINTWISE = frozenset(
    {"Abs", "Add", "Cast", "Ceil", "Celu", "Clip", "Div", "Dropout", "Elu", "Erf", "Exp", "Floor",
     "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mish",
     "Mul", "Neg", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sin",
     "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh", "ThresholdedRelu", "Where"}
)  # fmt: skip
_ALONG_AXES = frozenset({"Concat", "Pad", "Slice", "Split"})
_AXES_ARE_INPUT_SINCE = {"Unsqueeze": 13, "Squeeze": 13, "Pad": 11, "Slice": 10}
_NEW = 2
"""Where the new axis of size 1 stands: batch, channels, 1, length."""


@dataclass(frozen=True, kw_only=True)
class Conv1dToConv2d(RewritePass):
    """Replace convolutions and pools over one axis by those over two, the first of size 1.

    Why
        ATC has no kernel for one axis: it puts an Unsqueeze and a Squeeze around every single Conv,
        and a ConvTranspose gets the stride of its length for the height as well. Written for two
        axes, a whole network needs one of each.

    Rewrites
        1. Conv, ConvTranspose, AveragePool, LpPool and MaxPool of three dims: an Unsqueeze in
           front, weights [O, I, 1, k], a Squeeze behind.
        2. What follows (elementwise operators, normalization, global pools, Concat, Pad, Slice,
           Split) works on four dims, too, as long as all it reads has them, so that Unsqueeze and
           Squeeze stand at the borders of connected regions only.

    Leaves alone
        A node whose rank is not known. ``output_shape``, which ``conv-attrs`` writes as pads. The
        indices of a MaxPool.

    Numerics
        The same sums of the same products; the kernels for two axes may add them in another order,
        and a largest number that is zero may have another sign.
    """

    name = "conv1d-to-conv2d"
    match_ops = (*_WEIGHTED, *_POOLS, *sorted(_BY_CHANNEL | _POINTWISE | _ALONG_AXES))
    contract = Close()
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate the node over two axes."""
        if node.op_type in (*_WEIGHTED, *_POOLS):
            return _window(node, rw)
        if node.op_type in _BY_CHANNEL:
            first = node.inputs[0]
            if first is None or not _in_region(first, rw) or _several(node):
                return None
            return _flat(node, [_lifted(first, node, rw), *node.inputs[1:]], {}, rw)
        if node.op_type in _POINTWISE:
            found = None if _several(node) else _region_inputs(node.inputs, node, rw)
            return None if found is None else _flat(node, found, {}, rw)
        return _along_axes(node, rw)


def _window(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
    weighted = node.op_type in _WEIGHTED
    count = rank(node.inputs[1] if weighted else node.inputs[0]) or rank(node.inputs[0])
    kernel = rw.attr_ints(node, "kernel_shape")
    if count is None and kernel is not None:
        count = len(kernel) + 2
    if count is None:
        return rw.skip("the number of its dims is not known")
    if count != 3:
        return None
    if rw.attr_ints(node, "output_shape") is not None:
        return rw.skip("it has output_shape; conv-attrs writes pads instead")
    if _several(node):
        return rw.skip("the indices of the MaxPool are read")
    changed: dict[str, AttrValue] = {}
    for name, first in (
        ("kernel_shape", 1),
        ("strides", 1),
        ("dilations", 1),
        ("output_padding", 0),
    ):
        if (given := rw.attr_ints(node, name)) is not None:
            changed[name] = (first, *given)
    if (pads := rw.attr_ints(node, "pads")) is not None:
        changed["pads"] = (0, pads[0], 0, pads[1])
    inputs = [_lifted(value, node, rw) if value else None for value in node.inputs[: 1 + weighted]]
    return _flat(node, [*inputs, *node.inputs[2:]], changed, rw)


def _along_axes(node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | None:
    """Concat, Split, Pad and Slice: an axis behind the new one counts one more."""
    first = node.inputs[0]
    if first is None or rank(first) != 3:
        return None
    if node.op_type in ("Concat", "Split"):
        axis = rw.attr_int(node, "axis", 0) % 3
        ports = node.inputs if node.op_type == "Concat" else node.inputs[:1]
        rest = node.inputs[len(ports) :]
        found = _region_inputs(ports, node, rw, whole=True)
        return None if found is None else _flat(node, [*found, *rest], {"axis": _moved(axis)}, rw)
    if not _in_region(first, rw):
        return None
    return _padded(node, first, rw) if node.op_type == "Pad" else _sliced(node, first, rw)


def _padded(node: ir.Node, first: ir.Value, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | None:
    pads, axes = rw.param_ints(node, "pads", 1), rw.ints(rw.input(node, 3))
    if pads is None or (rw.has_input(node, 3) and axes is None):
        return None
    full = [0] * 8
    half = len(pads) // 2
    for index, axis in enumerate(axes or range(half)):
        full[_moved(axis % 3)], full[4 + _moved(axis % 3)] = pads[index], pads[half + index]
    lifted = _lifted(first, node, rw)
    if rw.opset < _AXES_ARE_INPUT_SINCE["Pad"]:
        return _flat(node, [lifted], {"pads": full}, rw)
    return _flat(node, [lifted, rw.const(full), rw.input(node, 2)], {}, rw)


def _sliced(node: ir.Node, first: ir.Value, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | None:
    axes = rw.param_ints(node, "axes", 3)
    if axes is None:
        starts = rw.param_ints(node, "starts", 1)
        if starts is None or rw.has_input(node, 3):
            return None
        axes = tuple(range(len(starts)))
    moved = [_moved(axis % 3) for axis in axes]
    lifted = _lifted(first, node, rw)
    if rw.opset < _AXES_ARE_INPUT_SINCE["Slice"]:
        return _flat(node, [lifted], {"axes": moved}, rw)
    inputs = [lifted, *node.inputs[1:3], rw.const(moved), rw.input(node, 4)]
    return _flat(node, inputs, {}, rw)


def _region_inputs(
    values: Sequence[ir.Value | None], node: ir.Node, rw: Rewriter, *, whole: bool = False
) -> list[ir.Value | None] | None:
    """The inputs with the new axis; ``None`` unless they are of a region, or constants.

    Where they broadcast, those of one dim or none stay as they are; ``whole`` says that they do
    not broadcast.
    """
    if not any(value is not None and _in_region(value, rw) for value in values):
        return None
    lifted = []
    for value in values:
        array = rw.constant(value)
        count = rank(value) if array is None else array.ndim
        if value is None or (count is not None and count < 2 and not whole):
            continue
        if array is None and (count != 3 or not _in_region(value, rw)):
            if count != 3 or _known(value, node, rw) is None:
                return None
        elif count not in (2, 3):
            return None
        lifted.append(value)
    return [_lifted(value, node, rw) if value in lifted else value for value in values]


def _flat(
    node: ir.Node,
    inputs: Sequence[ir.Value | None],
    changed: Mapping[str, AttrValue],
    rw: Rewriter,
) -> Mapping[ir.Value, ir.Value]:
    """The node over two axes, and its results without the new one."""
    made = rw.restate(node, inputs, attributes=changed)
    replaced = {}
    for old, new in zip(node.outputs, made, strict=True):
        _describe(new, old)
        if old is node.outputs[0] or old.uses() or old.is_graph_output():
            replaced[old] = flat = _with_axis("Squeeze", new, rw)
            rw.memory["flat", flat] = new
    return replaced


def _lifted(value: ir.Value, node: ir.Node, rw: Rewriter) -> ir.Value:
    """The value with the new axis: the one it had before, or one that all readers share."""
    if (known := _known(value, node, rw)) is not None:
        return known
    array = rw.constant(value)
    if array is not None:
        new = rw.const(array[..., None, :])  # behind all axes but the last
    else:
        new = _with_axis("Unsqueeze", value, rw)
        _describe(new, value)
    rw.memory["lifted", value, node.graph] = new
    return new


def _known(value: ir.Value, node: ir.Node, rw: Rewriter) -> ir.Value | None:
    """What has the value with the new axis already."""
    squeeze = rw.producer(value, "Squeeze")
    if squeeze is not None and rank(squeeze.inputs[0]) == 4:
        axes = rw.param_ints(squeeze, "axes", 1)
        if axes in ((_NEW,), (_NEW - 4,)):
            return squeeze.inputs[0]
    known = rw.memory.get(("lifted", value, node.graph))
    if not isinstance(known, ir.Value):
        return None
    producer = known.producer()
    stands = known.is_initializer() if producer is None else producer.graph is not None
    return known if stands else None


def _in_region(value: ir.Value, rw: Rewriter) -> bool:
    """Whether this pass has made the value, with a Squeeze at the end."""
    return ("flat", value) in rw.memory


def _with_axis(op_type: str, value: ir.Value, rw: Rewriter) -> ir.Value:
    if rw.opset < _AXES_ARE_INPUT_SINCE[op_type]:
        return rw.op(op_type, value, axes=[_NEW])
    return rw.op(op_type, value, rw.const([_NEW]))


def _describe(new: ir.Value, old: ir.Value) -> None:
    """Type and shape of a value that is ``old`` with the new axis."""
    known = dims(old)
    new.type = old.type
    if known is not None and len(known) == 3:
        new.shape = ir.Shape((*known[:_NEW], 1, *known[_NEW:]))


def _moved(axis: int) -> int:
    return axis if axis < _NEW else axis + 1


def _several(node: ir.Node) -> bool:
    """Whether other outputs than the first are read."""
    return any(value.uses() or value.is_graph_output() for value in node.outputs[1:])
