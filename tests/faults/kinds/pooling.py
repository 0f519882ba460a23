"""Pooling, Resize, Pad, GridSample and RoiAlign with wrong modes, roundings or borders."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from tests.faults.kind import Answer, Kinds, attributes_of, weight, with_input

POOLING = Kinds("pooling and resampling")
fault = POOLING.add

POOLS = ("MaxPool", "AveragePool")


@fault("pool-ceil-mode", *POOLS)
def _ceil(node: ir.Node, rw: Rewriter) -> Answer:
    if len(node.outputs) > 1 or max(rw.attr_ints(node, "strides") or (1,)) == 1:
        return None
    return rw.copy(node, ceil_mode=1 - rw.attr_int(node, "ceil_mode", 0))


@fault("pool-pads-shifted", *POOLS)
def _pads(node: ir.Node, rw: Rewriter) -> Answer:
    pads, kernel = list(rw.attr_ints(node, "pads") or ()), rw.attr_ints(node, "kernel_shape")
    if len(pads) != 4 or not kernel or pads[2] == 0 or pads[0] + 1 >= kernel[0]:
        return None
    return rw.copy(node, pads=[pads[0] + 1, pads[1], pads[2] - 1, pads[3]])


@fault("maxpool-as-averagepool", "MaxPool")
def _average(node: ir.Node, rw: Rewriter) -> Answer:
    if "dilations" in node.attributes:
        return None
    known = {k: v for k, v in attributes_of(node).items() if k != "storage_order"}
    return rw.op("AveragePool", node.inputs[0], domain="", **known)


def _padded(node: ir.Node, rw: Rewriter) -> ir.Value | None:
    """The input of a pooling, padded with zeros as the pooling pads it."""
    pads = rw.attr_ints(node, "pads") or ()
    if len(pads) != 4 or not any(pads) or rw.attr_int(node, "ceil_mode", 0):
        return None
    wide = rw.const([0, 0, *pads[:2], 0, 0, *pads[2:]])
    return rw.op("Pad", node.inputs[0], wide, rw.const(0.0), mode="constant")


@fault("maxpool-padded-with-zeros", "MaxPool")
def _zero_padded(node: ir.Node, rw: Rewriter) -> Answer:
    wide = _padded(node, rw)
    return None if wide is None else rw.copy(node, wide, pads=[0, 0, 0, 0])


@fault("averagepool-count-include-pad", "AveragePool")
def _count(node: ir.Node, rw: Rewriter) -> Answer:
    if not any(rw.attr_ints(node, "pads") or ()):
        return None
    return rw.copy(node, count_include_pad=1 - rw.attr_int(node, "count_include_pad", 0))


@fault("averagepool-of-padded-input", "AveragePool")
def _average_padded(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_int(node, "count_include_pad", 0):
        return None
    wide = _padded(node, rw)
    return None if wide is None else rw.copy(node, wide, pads=[0, 0, 0, 0])


@fault("global-average-as-maximum", "GlobalAveragePool")
def _global(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.op("GlobalMaxPool", node.inputs[0])


@fault("global-average-over-the-batch", "GlobalAveragePool")
def _global_batch(node: ir.Node, rw: Rewriter) -> Answer:
    mean = rw.op("GlobalAveragePool", node.inputs[0])
    whole = rw.op("ReduceMean", mean, axes=[0], keepdims=1)
    return rw.op("Expand", whole, rw.op("Shape", mean))


@fault("resize-as-nearest", "Resize")
def _nearest(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "nearest") == "nearest":
        return None
    return rw.copy(node, mode="nearest")


def _coordinates(node: ir.Node, rw: Rewriter, wanted: str) -> Answer:
    if rw.attr_str(node, "coordinate_transformation_mode", "half_pixel") == wanted:
        return None
    return rw.copy(node, coordinate_transformation_mode=wanted)


@fault("resize-as-align-corners", "Resize")
def _align(node: ir.Node, rw: Rewriter) -> Answer:
    return _coordinates(node, rw, "align_corners")


@fault("resize-as-asymmetric", "Resize")
def _asymmetric(node: ir.Node, rw: Rewriter) -> Answer:
    return _coordinates(node, rw, "asymmetric")


@fault("resize-as-half-pixel", "Resize")
def _half_pixel(node: ir.Node, rw: Rewriter) -> Answer:
    return _coordinates(node, rw, "half_pixel")


@fault("resize-nearest-mode-ceil", "Resize")
def _ceil_mode(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "nearest") != "nearest":
        return None
    return rw.copy(node, nearest_mode="ceil")


@fault("resize-nearest-mode-round", "Resize")
def _round_mode(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "nearest") != "nearest":
        return None
    return rw.copy(node, nearest_mode="round_prefer_floor")


@fault("resize-cubic-coefficient", "Resize")
def _cubic(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "nearest") != "cubic":
        return None
    return rw.copy(node, cubic_coeff_a=-0.75)


@fault("resize-cubic-as-linear", "Resize")
def _linear(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "nearest") != "cubic":
        return None
    return rw.copy(node, mode="linear")


@fault("resize-scales-swapped", "Resize")
def _scales(node: ir.Node, rw: Rewriter) -> Answer:
    scales = weight(rw, node, 2)
    if scales is None or scales.size != 4 or scales[2] == scales[3]:
        return None
    return with_input(rw, node, 2, scales[[0, 1, 3, 2]])


@fault("resize-scales-frozen-at-export", "Resize")
def _frozen(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.input(node, 2) is None or rw.constant(node.inputs[2]) is not None:
        return None
    return with_input(rw, node, 2, np.array([1, 1, 2, 2], np.float32))


@fault("pad-reflect-as-edge", "Pad")
def _edge(node: ir.Node, rw: Rewriter) -> Answer:
    if rw.attr_str(node, "mode", "constant") != "reflect":
        return None
    return rw.copy(node, mode="edge")


@fault("pad-value-dropped", "Pad")
def _value(node: ir.Node, rw: Rewriter) -> Answer:
    if not weight(rw, node, 2):
        return None
    return rw.copy(node, *node.inputs[:2])


@fault("pad-begin-and-end-swapped", "Pad")
def _begin_end(node: ir.Node, rw: Rewriter) -> Answer:
    pads = rw.ints(rw.input(node, 1))
    if not pads or pads[: len(pads) // 2] == pads[len(pads) // 2 :]:
        return None
    half = len(pads) // 2
    return rw.copy(node, node.inputs[0], rw.const([*pads[half:], *pads[:half]]), *node.inputs[2:])


@fault("gridsample-align-corners", "GridSample")
def _corners(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, align_corners=1 - rw.attr_int(node, "align_corners", 0))


@fault("gridsample-border-padding", "GridSample")
def _border(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, padding_mode="border")


@fault("gridsample-nearest", "GridSample")
def _grid_nearest(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, mode="nearest")


@fault("gridsample-x-for-y", "GridSample")
def _xy(node: ir.Node, rw: Rewriter) -> Answer:
    swapped = rw.op("Gather", node.inputs[1], rw.const([1, 0]), axis=-1)
    return rw.copy(node, node.inputs[0], swapped)


@fault("roialign-sampling-ratio", "RoiAlign")
def _ratio(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, sampling_ratio=1)


@fault("roialign-scale", "RoiAlign")
def _scale(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, spatial_scale=1.0)


@fault("roialign-as-opset-10", "RoiAlign")
def _old(node: ir.Node, rw: Rewriter) -> Answer:
    return rw.copy(node, coordinate_transformation_mode="output_half_pixel")


@fault("depthtospace-mode", "DepthToSpace")
def _d2s(node: ir.Node, rw: Rewriter) -> Answer:
    mode = rw.attr_str(node, "mode", "DCR")
    return rw.copy(node, mode="DCR" if mode == "CRD" else "CRD")
