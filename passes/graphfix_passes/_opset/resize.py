"""Resize: optional inputs, subsets of axes, and modes that came later."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN


@DOWN.at(13, "Resize", exact=True)
def _absent_inputs(node: ir.Node, rw: Converter) -> Answer:
    """Before 13 roi and scales must be there; empty tensors say that they do not count."""
    empty = rw.const(np.zeros(0, np.float32))
    data, roi, scales, *sizes = [*node.inputs, None, None][: max(len(node.inputs), 3)]
    return rw.restate(node, [data, roi or empty, scales or empty, *sizes])


@DOWN.at(18, "Resize", exact=True)
def _axes_and_policy(node: ir.Node, rw: Converter) -> Answer:
    if rw.attr_int(node, "antialias", 0) and not _only_grows(node, rw):
        return Skip(
            "antialias=1 does not exist before opset 18, and it may shrink its input; "
            "run resize-matmul before"
        )
    data, roi, scales, sizes = (rw.input(node, index) for index in range(4))
    assert data is not None
    policy = rw.attr_str(node, "keep_aspect_ratio_policy", "stretch")
    axes = rw.attr_ints(node, "axes")
    drop = ["antialias", "axes", "keep_aspect_ratio_policy"]
    if policy != "stretch" and sizes is not None:
        found = _scales_of_policy(node, policy, axes, rw)
        if isinstance(found, Skip):
            return found
        scales, sizes = rw.const(found), None
        if axes is not None and roi is None:
            axes = None
    if axes is None:
        return rw.restate(node, [data, roi, scales, sizes], drop=drop)
    rank = rw.rank(data)
    if rank is None:
        return Skip("it resizes some axes only (axes=), and the rank of its input is unknown")
    place = [axis % rank for axis in axes]
    if len(place) == rank and place == sorted(place):
        return rw.restate(node, [data, roi, scales, sizes], drop=drop)

    def spread(value: ir.Value, rest: ir.Value, rest_at: list[int]) -> ir.Value:
        pick = [place.index(axis) if axis in place else rest_at[axis] for axis in range(rank)]
        return rw.op("Gather", rw.op("Concat", value, rest, axis=0), rw.const(pick))

    count = len(place)
    if scales is not None and policy == "stretch":
        constant = rw.constant(scales)
        if constant is not None and constant.size == count:
            every = np.ones(rank, constant.dtype)
            every[place] = constant
            scales = rw.const(every)
        elif constant is None or constant.size:
            scales = spread(scales, rw.const([1.0], rw.dtype(scales)), [count] * rank)
    if sizes is not None:
        sizes = spread(sizes, rw.shape_of(data), [count + axis for axis in range(rank)])
    if roi is not None:
        dtype = rw.dtype(roi) or ir.DataType.FLOAT
        ends = [place.index(axis) + count if axis in place else -1 for axis in range(rank)]
        table = rw.op("Concat", roi, rw.const([0.0, 1.0], dtype), axis=0)
        pick = [place.index(axis) if axis in place else 2 * count for axis in range(rank)]
        pick += [2 * count + 1 if end < 0 else end for end in ends]
        roi = rw.op("Gather", table, rw.const(pick))
    return rw.restate(node, [data, roi, scales, sizes], drop=drop)


def _only_grows(node: ir.Node, rw: Converter) -> bool:
    if rw.attr_str(node, "mode", "nearest") == "nearest":
        return True
    scales = rw.constant(rw.input(node, 2))
    if scales is not None and scales.size:
        return bool((scales >= 1).all())
    sizes, dims = rw.ints(rw.input(node, 3)), rw.dims(node.inputs[0])
    if sizes is None or dims is None:
        return False
    axes = rw.attr_ints(node, "axes") or tuple(range(len(dims)))
    before = [dims[axis] for axis in axes]
    return all(dim is not None and size >= dim for dim, size in zip(before, sizes, strict=False))


def _scales_of_policy(
    node: ir.Node, policy: str, axes: tuple[int, ...] | None, rw: Converter
) -> np.ndarray | Skip:
    """One factor for every axis; only where it gives whole sizes, which older forms floor."""
    sizes, dims = rw.ints(rw.input(node, 3)), rw.dims(node.inputs[0])
    if sizes is None or dims is None or None in dims:
        return Skip(f"keep_aspect_ratio_policy={policy} with sizes or dimensions that are computed")
    place = [axis % len(dims) for axis in axes] if axes is not None else list(range(len(dims)))
    whole = [dim or 0 for dim in dims]
    factors = [size / whole[axis] for axis, size in zip(place, sizes, strict=True)]
    factor = np.float32(min(factors) if policy == "not_larger" else max(factors))
    for axis in place:
        size = int(np.floor(factor * np.float32(whole[axis])))
        if size != int(np.floor(np.float64(factor) * whole[axis] + 0.5)):
            return Skip(f"keep_aspect_ratio_policy={policy} rounds a size that older forms floor")
    every = np.ones(len(dims), np.float32)
    every[place] = factor
    return every


@DOWN.at(19, "Resize", exact=True)
def _symmetric(node: ir.Node, rw: Converter) -> Answer:
    """``half_pixel_symmetric`` is ``half_pixel`` where sizes times scales are whole."""
    if rw.attr_str(node, "coordinate_transformation_mode", "") != "half_pixel_symmetric":
        return None
    sizes = rw.input(node, 3)
    if sizes is None:
        scales, dims = rw.constant(rw.input(node, 2)), rw.dims(node.inputs[0])
        axes = rw.attr_ints(node, "axes") or tuple(range(len(dims or ())))
        if (
            scales is None
            or dims is None
            or any(
                dims[axis] is None or float(scale * np.float32(dims[axis])) % 1
                for axis, scale in zip(axes, scales, strict=True)
            )
        ):
            return Skip(
                "coordinate_transformation_mode=half_pixel_symmetric does not exist before opset "
                "19, and its output size is not known to be a whole multiple"
            )
    return rw.restate(node, coordinate_transformation_mode="half_pixel")
