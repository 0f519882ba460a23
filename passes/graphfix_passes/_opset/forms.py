"""Parameters that became inputs, and attributes that appeared: the same node in its older form."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.opsets.converter import without_additions
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN, given, number, used

_END = np.iinfo(np.int64).max


@DOWN.at(13, "Squeeze", "Unsqueeze", exact=True)
def _axes(node: ir.Node, rw: Converter) -> Answer:
    if not rw.has_input(node, 1):
        return None
    axes = rw.ints(node.inputs[1])
    if axes is None:
        return Skip("its axes are computed, and must be an attribute before opset 13")
    return rw.restate(node, node.inputs[:1], axes=axes)


def _reduction_axes(node: ir.Node, rw: Converter) -> Answer:
    axes = rw.ints(rw.input(node, 1)) if rw.has_input(node, 1) else ()
    if axes is None:
        return Skip(f"its axes are computed, and must be an attribute in opset {rw.opset}")
    if axes:
        return rw.restate(
            node, node.inputs[:1], drop=["noop_with_empty_axes"], attributes={"axes": axes}
        )
    if not rw.attr_int(node, "noop_with_empty_axes", 0):
        return rw.restate(node, node.inputs[:1], drop=["noop_with_empty_axes"])
    if node.op_type in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"):
        return rw.op("Identity", node.inputs[0])
    return Skip("it reduces no axis (noop_with_empty_axes=1), which its older forms cannot say")


DOWN.at(13, "ReduceSum", exact=True)(_reduction_axes)
DOWN.at(
    18,
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
    *("ReduceMin", "ReduceProd", "ReduceSumSquare"),
    exact=True,
)(_reduction_axes)


@DOWN.at(18, "Split", exact=True)
def _split_count(node: ir.Node, rw: Converter) -> Answer:
    """The last part is smaller when the dimension does not divide evenly."""
    if "num_outputs" not in node.attributes:
        return None
    axis, count = rw.attr_int(node, "axis", 0), node.attributes["num_outputs"].as_int()
    dims = rw.dims(node.inputs[0])
    dim = dims[axis] if dims is not None and -len(dims) <= axis < len(dims) else None
    if dim is not None and dim % count == 0:
        return rw.restate(node, node.inputs[:1], drop=["num_outputs"])
    if dim is not None:
        part = -(-dim // count)
        if part * (count - 1) > dim:
            return Skip(f"its axis of {dim} does not make {count} parts of {part}")
        sizes = rw.const([part] * (count - 1) + [dim - part * (count - 1)])
        return rw.restate(node, [node.inputs[0], sizes], drop=["num_outputs"])
    total = rw.op("Gather", rw.op("Shape", node.inputs[0]), rw.const([axis]))
    each = rw.op("Div", rw.op("Add", total, rw.const([count - 1])), rw.const([count]))
    last = rw.op("Sub", total, rw.op("Mul", each, rw.const([count - 1])))
    sizes = rw.op("Concat", *([each] * (count - 1)), last, axis=0)
    return rw.restate(node, [node.inputs[0], sizes], drop=["num_outputs"])


@DOWN.at(13, "Split", exact=True)
def _split_sizes(node: ir.Node, rw: Converter) -> Answer:
    if not rw.has_input(node, 1):
        return None
    sizes = rw.ints(node.inputs[1])
    if sizes is not None:
        return rw.restate(node, node.inputs[:1], split=sizes)
    axis = rw.const([rw.attr_int(node, "axis", 0)])
    ends = rw.op("CumSum", node.inputs[1], rw.const(np.asarray(0, np.int64)))
    starts = rw.op("Sub", ends, node.inputs[1])

    def part(table: ir.Value, index: int) -> ir.Value:
        return rw.op("Slice", table, rw.const([index]), rw.const([index + 1]), rw.const([0]))

    return [
        rw.op("Slice", node.inputs[0], part(starts, k), part(ends, k), axis) if used(out) else None
        for k, out in enumerate(node.outputs)
    ]


@DOWN.at(12, "Dropout", exact=True)
def _dropout(node: ir.Node, rw: Converter) -> Answer:
    ratio = rw.scalar(rw.input(node, 1))
    if rw.has_input(node, 2):
        training = rw.scalar(node.inputs[2])
        if training is None:
            return Skip("its training_mode is computed, and before opset 12 it never trains")
        if training and ratio != 0:
            return Skip("its training_mode is on, and before opset 12 it never trains")
    shown = {} if ratio is None else {"ratio": float(ratio)}
    results: list[ir.Value | None] = []
    results += rw.restate(node, node.inputs[:1], outputs=1, drop=["seed"], attributes=shown)
    if len(node.outputs) > 1 and used(node.outputs[1]):
        every = ir.tensor(np.asarray([True]))
        results.append(rw.op("ConstantOfShape", rw.shape_of(given(node)), value=every))
    return [*results, None][: len(node.outputs)]


@DOWN.at(12, "Constant", exact=True)
def _constant(node: ir.Node, rw: Converter) -> Answer:
    ((name, attribute),) = node.attributes.items()
    if name in ("value", "sparse_value"):
        return None
    if name in ("value_string", "value_strings"):
        return rw.op("Constant", value=ir.tensor(attribute.value, dtype=ir.DataType.STRING))
    dtype = np.float32 if "float" in name else np.int64
    return rw.op("Constant", value=ir.tensor(np.asarray(attribute.value, dtype)))


@DOWN.at(14, "Reshape", exact=True)
def _allowzero(node: ir.Node, rw: Converter) -> Answer:
    """Copying a dimension for a 0 and meaning 0 differ only when the data is empty."""
    if not rw.attr_int(node, "allowzero", 0):
        return without_additions(node, rw)
    shape = rw.ints(node.inputs[1])
    if shape is None or 0 in shape:
        dims = rw.dims(node.inputs[0])
        if shape is not None or (dims is not None and 0 in dims):
            return Skip("allowzero=1 with a dimension of 0 does not exist before opset 14")
        if dims is None or None in dims:
            rw.note("allowzero=1 is dropped: it matters only when the data has no elements")
    return rw.restate(node, drop=["allowzero"])


@DOWN.at(15, "Shape", exact=True)
def shape_range(node: ir.Node, rw: Rewriter) -> ir.Value | None:
    """A Shape of all dims, and a Slice if the node has a range; ``None`` when it has none."""
    start, end = rw.attr_int(node, "start", 0), rw.attr_int(node, "end", _END)
    if not {"start", "end"} & node.attributes.keys():
        return None
    whole = rw.op("Shape", node.inputs[0])
    if start == 0 and end == _END:
        return whole
    return rw.op("Slice", whole, rw.const([start]), rw.const([end]), rw.const([0]))


@DOWN.at(15, "CastLike", exact=True)
def _cast_like(node: ir.Node, rw: Converter) -> Answer:
    dtype = rw.dtype(node.inputs[1])
    if dtype is None:
        return Skip("the type it casts to is unknown")
    return rw.op("Cast", node.inputs[0], to=int(dtype))


@DOWN.at(19, "AveragePool")
@DOWN.at(18, "LpPool", exact=True)
def _unit_dilations(node: ir.Node, rw: Converter) -> Answer:
    if rw.attr_int(node, "ceil_mode", 0) and node.op_type == "LpPool":
        return Skip("ceil_mode=1 does not exist for LpPool before opset 18")
    drop = ["ceil_mode"] if node.op_type == "LpPool" else []
    if any(step != 1 for step in rw.attr_ints(node, "dilations") or ()):
        return Skip(f"dilations do not exist for {node.op_type} in opset {rw.opset}")
    if not node.attributes.keys() & {"dilations", *drop}:
        return None
    return rw.restate(node, drop=["dilations", *drop])


@DOWN.at(20, "DFT", exact=True)
def _dft_axis(node: ir.Node, rw: Converter) -> Answer:
    axis = rw.scalar(node.inputs[2]) if rw.has_input(node, 2) else -2
    rank = rw.rank(node.inputs[0])
    if axis is None:
        return Skip("its axis is computed, and must be an attribute before opset 20")
    if axis < 0 and rank is None:
        return Skip("its axis counts from the end, and the rank of its input is unknown")
    return rw.restate(node, node.inputs[:2], axis=int(axis) % (rank or _END))


@DOWN.at(16, "RoiAlign", exact=True)
def _roi_align(node: ir.Node, rw: Converter) -> Answer:
    if rw.attr_str(node, "coordinate_transformation_mode", "half_pixel") != "output_half_pixel":
        return Skip(
            "coordinate_transformation_mode=half_pixel does not exist before opset 16, where boxes "
            "are not shifted by half a pixel and are at least one pixel wide"
        )
    return rw.restate(node, drop=["coordinate_transformation_mode"])


@DOWN.at(20, "GridSample", exact=True)
def _grid_sample(node: ir.Node, rw: Converter) -> Answer:
    if rw.rank(node.inputs[0]) not in (4, None):
        return Skip(
            "volumes do not exist for GridSample before opset 20; "
            "run gridsample{mode=decompose} before"
        )
    renamed = {"linear": "bilinear", "cubic": "bicubic"}
    mode = rw.attr_str(node, "mode", "linear")
    return rw.restate(node, mode=renamed.get(mode, mode))


@DOWN.at(12, "ArgMax", "ArgMin", exact=True)
def _last_index(node: ir.Node, rw: Converter) -> Answer:
    """The last of equal extremes is the first of them in the data turned round."""
    if not rw.attr_int(node, "select_last_index", 0):
        return without_additions(node, rw)
    axis = rw.attr_int(node, "axis", 0)
    first = np.iinfo(np.int64).min
    turned = rw.op(
        "Slice",
        node.inputs[0],
        rw.const([-1]),
        rw.const([first]),
        rw.const([axis]),
        rw.const([-1]),
    )
    (index,) = rw.restate(node, [turned], drop=["select_last_index"])
    count = rw.op("Gather", rw.op("Shape", node.inputs[0]), rw.const(np.asarray(axis, np.int64)))
    return rw.op("Sub", rw.op("Sub", count, number(1, ir.DataType.INT64, rw)), index)
