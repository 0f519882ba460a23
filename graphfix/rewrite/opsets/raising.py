"""How nodes go up: one adapter per operator whose form or meaning a newer opset changed."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets.converter import Adapters, Answer, Converter
from graphfix.rewrite.records import Skip

UP = Adapters()

_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")


@UP.at(9, "BatchNormalization", exact=True)
def _spatial(node: ir.Node, rw: Converter) -> Answer:
    if rw.attr_int(node, "spatial", 1) != 1:
        return Skip("spatial=0 (statistics per element) does not exist from opset 9 on")
    return rw.restate(node, drop=["spatial"]) if "spatial" in node.attributes else None


@UP.at(9, "Upsample", exact=True)
def _upsample_scales(node: ir.Node, rw: Converter) -> Answer:
    scales = np.asarray(node.attributes["scales"].as_floats(), np.float32)
    return rw.restate(node, [node.inputs[0], rw.const(scales)], drop=["scales"])


@UP.at(10, "Upsample", exact=True)
def _upsample_to_resize(node: ir.Node, rw: Converter) -> Answer:
    (value,) = rw.restate(node, op_type="Resize")
    producer = value.producer()
    assert producer is not None
    producer.meta["upsamples"] = True
    return value


@UP.at(10, "Slice", exact=True)
def _slice_inputs(node: ir.Node, rw: Converter) -> Answer:
    names = [name for name in ("starts", "ends", "axes") if name in node.attributes]
    ranges = [rw.const(np.asarray(node.attributes[name].as_ints(), np.int64)) for name in names]
    return rw.restate(node, [node.inputs[0], *ranges], drop=names)


@UP.at(10, "TopK", exact=True)
def _topk_count(node: ir.Node, rw: Converter) -> Answer:
    return rw.restate(node, [node.inputs[0], rw.const([node.attributes["k"].as_int()])], drop=["k"])


@UP.at(10, "Dropout", exact=True)
def _dropout_bool_mask(node: ir.Node, rw: Converter) -> Answer:
    if len(node.outputs) < 2 or not (node.outputs[1].uses() or node.outputs[1].is_graph_output()):
        return None
    dtype = rw.dtype(node.outputs[1]) or rw.dtype(node.inputs[0])
    if dtype is None:
        return Skip("its mask becomes bool in opset 10, and the type its readers want is unknown")
    data, mask = rw.restate(node)
    mask.type = ir.TensorType(ir.DataType.BOOL)
    return data, rw.op("Cast", mask, to=int(dtype))


@UP.at(11, "Clip", exact=True)
def _clip_limits(node: ir.Node, rw: Converter) -> Answer:
    limits: list[ir.Value | None] = []
    for name in ("min", "max"):
        if name not in node.attributes:
            limits.append(None)
            continue
        limit = _typed(node, node.attributes[name].as_float(), rw)
        if limit is None:
            return Skip(f"{name} becomes an input of the type of the data, which is unknown")
        limits.append(limit)
    return rw.restate(node, [node.inputs[0], *limits], drop=["min", "max"])


@UP.at(11, "Pad", exact=True)
def _pad_inputs(node: ir.Node, rw: Converter) -> Answer:
    inputs = [node.inputs[0], rw.const(np.asarray(node.attributes["pads"].as_ints(), np.int64))]
    if rw.attr_float(node, "value", 0.0) != 0.0:
        value = _typed(node, rw.attr_float(node, "value", 0.0), rw)
        if value is None:
            return Skip("value becomes an input of the type of the data, which is unknown")
        inputs.append(value)
    return rw.restate(node, inputs, drop=["pads", "value"])


def _typed(node: ir.Node, number: float, rw: Converter) -> ir.Value | None:
    dtype = rw.dtype(node.inputs[0]) or rw.dtype(node.outputs[0])
    if dtype is None:
        return None
    with np.errstate(over="ignore"):  # the default limits of float32 are infinite in float16
        return rw.const(np.asarray(number, np.float64).astype(dtype.numpy()))


@UP.at(11, "Resize", exact=True)
def _resize_from_10(node: ir.Node, rw: Converter) -> Answer:
    """Opset 10 samples at ``x / scale``; nearest takes the floor going up, the ceiling going down.

    Opset 10 leaves this open in words; this is what onnxruntime computes.
    """
    data, scales = node.inputs
    rounding = "round_prefer_floor"
    if rw.attr_str(node, "mode", "nearest") == "nearest":
        factors = rw.constant(scales)
        if node.meta.get("upsamples") or (factors is not None and bool((factors >= 1).all())):
            rounding = "floor"
        elif factors is not None and bool((factors <= 1).all()):
            rounding = "ceil"
        else:
            return Skip(
                "nearest Resize of opset 10 rounds up where it shrinks and down where it grows, "
                "and its scales are computed or mixed"
            )
    return rw.restate(
        node,
        [data, rw.const(np.zeros(0, np.float32)), scales],
        coordinate_transformation_mode="asymmetric",
        nearest_mode=rounding,
    )


@UP.at(11, "Scatter", exact=True)
def _scatter(node: ir.Node, rw: Converter) -> Answer:
    return rw.restate(node, op_type="ScatterElements")


@UP.at(11, "ConvTranspose", exact=True)
def _transposed_padding(node: ir.Node, rw: Converter) -> Answer:
    if "output_shape" in node.attributes or rw.attr_str(node, "auto_pad", "NOTSET")[:4] == "SAME":
        return Skip("opset 11 puts the odd element of a computed padding on the other side")
    return None


@UP.at(12, "Dropout", exact=True)
def _dropout_ratio(node: ir.Node, rw: Converter) -> Answer:
    if "ratio" not in node.attributes:
        return None
    ratio = rw.const(np.float32(rw.attr_float(node, "ratio", 0.5)))
    return rw.restate(node, [node.inputs[0], ratio], drop=["ratio"])


@UP.at(13, "Softmax", "LogSoftmax", "Hardmax")
def _softmax_over_one_axis(node: ir.Node, rw: Converter) -> Answer:
    """Before 13 the axes from ``axis`` on are one axis; since then ``axis`` alone counts."""
    axis, dims = rw.attr_int(node, "axis", 1), rw.dims(node.inputs[0])
    if axis == -1:
        return None
    if dims is not None:
        axis %= max(len(dims), 1)
        rest = [index for index in range(axis, len(dims)) if dims[index] != 1]
        if len(rest) <= 1:
            return rw.restate(node, axis=rest[0] if rest else axis)
    flat_from = node.inputs[0]
    assert flat_from is not None
    flat = rw.op("Flatten", flat_from, axis=axis)
    (result,) = rw.restate(node, [flat], axis=-1)
    return rw.op("Reshape", result, rw.shape_of(flat_from))


@UP.at(13, "Resize", exact=True)
def _resize_for_nn(node: ir.Node, rw: Converter) -> Answer:
    if rw.attr_str(node, "coordinate_transformation_mode", "") != "tf_half_pixel_for_nn":
        return None
    if rw.attr_str(node, "nearest_mode", "round_prefer_floor") != "floor":
        return Skip("coordinate_transformation_mode=tf_half_pixel_for_nn is gone in opset 13")
    # floor((x + 0.5) / s) is the same index as rounding (x + 0.5) / s - 0.5 half up
    return rw.restate(
        node, coordinate_transformation_mode="half_pixel", nearest_mode="round_prefer_ceil"
    )


def _axes_to_input(node: ir.Node, rw: Converter) -> Answer:
    if "axes" not in node.attributes:
        return None
    axes = rw.attr_ints(node, "axes") or ()
    inputs = [node.inputs[0], rw.const(np.asarray(axes, np.int64))] if axes else node.inputs
    return rw.restate(node, inputs, drop=["axes"])


UP.at(13, "Squeeze", "Unsqueeze", "ReduceSum", exact=True)(_axes_to_input)
UP.at(18, *(f"Reduce{name}" for name in _REDUCTIONS), exact=True)(_axes_to_input)


@UP.at(13, "Split", exact=True)
def _split_sizes(node: ir.Node, rw: Converter) -> Answer:
    if "split" not in node.attributes:
        return None
    sizes = rw.const(np.asarray(node.attributes["split"].as_ints(), np.int64))
    return rw.restate(node, [node.inputs[0], sizes], drop=["split"])


@UP.at(18, "Split", exact=True)
def _split_count(node: ir.Node, rw: Converter) -> Answer:
    if rw.has_input(node, 1):
        return None
    return rw.restate(node, num_outputs=len(node.outputs))


@UP.at(14, "BatchNormalization", exact=True)
def _training_mode(node: ir.Node, rw: Converter) -> Answer:
    """Before 14, more than one output says that it trains."""
    extra = [index for index, out in enumerate(node.outputs) if index and out.name]
    if not extra:
        return None if len(node.outputs) == 1 else rw.restate(node, outputs=1)
    if any(out.uses() or out.is_graph_output() for out in node.outputs[3:]):
        return Skip("its outputs saved_mean and saved_var do not exist from opset 14 on")
    results = rw.restate(node, outputs=min(len(node.outputs), 3), training_mode=1)
    return [*results, *([None] * (len(node.outputs) - len(results)))]


@UP.at(16, "RoiAlign", exact=True)
def _roi_align_pixels(node: ir.Node, rw: Converter) -> Answer:
    return rw.restate(node, coordinate_transformation_mode="output_half_pixel")


@UP.at(20, "GridSample", exact=True)
def _grid_sample_modes(node: ir.Node, rw: Converter) -> Answer:
    renamed = {"bilinear": "linear", "bicubic": "cubic"}
    mode = rw.attr_str(node, "mode", "bilinear")
    if "mode" not in node.attributes or mode not in renamed:
        return None
    return rw.restate(node, mode=renamed[mode])


@UP.at(20, "DFT", exact=True)
def _dft_axis(node: ir.Node, rw: Converter) -> Answer:
    axis = rw.const(np.asarray(rw.attr_int(node, "axis", 1), np.int64))
    return rw.restate(node, [node.inputs[0], rw.input(node, 1), axis], drop=["axis"])


@UP.at(21, "GroupNormalization")
def _scale_per_channel(node: ir.Node, rw: Converter) -> Answer:
    """Scale and bias go from one number per group to one per channel."""
    data, *affine = node.inputs
    groups = node.attributes["num_groups"].as_int()
    channels = rw.op("Shape", data, start=1, end=2)
    share = rw.op("Div", channels, rw.const([groups]))
    shape = rw.op("Concat", rw.const([groups]), share, axis=0)
    wide = [
        rw.op(
            "Reshape",
            rw.op("Expand", rw.op("Unsqueeze", value, rw.const([1])), shape),
            rw.const([-1]),
        )
        for value in affine
    ]
    return rw.restate(node, [data, *wide])
