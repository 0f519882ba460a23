"""What a Resize makes of each axis, as weights: interpolation is linear, and one axis at a time."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.folding import Region, Tensors
from graphfix.rewrite import Rewriter, Skip
from graphfix.rewrite.rewriter import as_attribute
from graphfix_passes._known import known_array
from graphfix_passes._resize import WHOLE, Resizing


@dataclass(frozen=True)
class Line:
    """One axis that changes; what is equal here has equal weights."""

    before: int
    scale: float | None
    """The scale, where scales are given."""
    size: int | None
    """The size after, where sizes are given."""
    crop: tuple[float, float]
    """The part that is resized, as fractions of the axis."""

    @property
    def factor(self) -> float:
        """How much longer the axis becomes."""
        return (self.size or 0) / self.before if self.scale is None else self.scale

    @property
    def after(self) -> int:
        """The size after; by scale it is rounded down, in float32 as onnxruntime does it."""
        if self.scale is None:
            return self.size or 0
        return int(np.float32(self.scale) * np.float32(self.before))

    @property
    def nbytes(self) -> int:
        """Bytes of the weights, or of the identity matrix that they are made of."""
        return 4 * self.before * max(self.before, self.after)


def lines(resizing: Resizing, rw: Rewriter) -> dict[int, Line] | Skip:
    """The axes that change, from 0 on; since opset 11."""
    dims = rw.facts.dims(resizing.data)
    if dims is None:
        return rw.skip("the number of its dims is not known")
    scales = known_array(resizing.scales, rw)
    known = rw.facts.value(resizing.sizes)
    if scales is None and known is None:
        return rw.skip("its scales or sizes are computed; resize-scales makes them constant")
    axes = range(len(dims)) if resizing.axes is None else resizing.axes
    crops = resizing.crops(len(axes), rw)
    if isinstance(crops, Skip):
        return crops
    items = scales.tolist() if scales is not None else known.sizes if known is not None else ()
    found = {}
    for axis, item, crop in zip(axes, items, crops, strict=True):
        before = dims[axis]
        if crop == WHOLE and item == (before if scales is None else 1):
            continue
        if not isinstance(before, int) or not isinstance(item, int | float):
            return rw.skip(f"the size of axis {axis} is not known")
        scaled = scales is not None
        line = Line(before, float(item) if scaled else None, None if scaled else int(item), crop)
        if min(before, line.after) <= 0:
            return rw.skip(f"nothing is left of axis {axis}")
        if line.after == before:
            # onnxruntime copies along such an axis: by a crop always, by a scale now and then.
            what = "a scale other than 1" if crop == WHOLE else "a crop"
            return rw.skip(f"{what} keeps the size of axis {axis}, about which runtimes differ")
        found[axis] = line
    return found


def weights(line: Line, node: ir.Node, rw: Rewriter) -> np.ndarray:
    """What each element counts in each point: float32 ``[before, after]``.

    It is what onnxruntime's Resize with the same attributes makes of the identity matrix along its
    last axis, so that coordinates are rounded as they were. A point outside of a crop is all 0.
    """
    attributes: dict[str, int | float | str] = {
        "mode": rw.attr_str(node, "mode", "nearest"),
        "coordinate_transformation_mode": rw.attr_str(
            node, "coordinate_transformation_mode", "half_pixel"
        ),
        "cubic_coeff_a": rw.attr_float(node, "cubic_coeff_a", -0.75),
        "exclude_outside": rw.attr_int(node, "exclude_outside", 0),
    }
    if rw.opset >= 18:
        attributes["antialias"] = rw.attr_int(node, "antialias", 0)
    key: Hashable = (line, *attributes.values())
    if key not in rw.memory:
        rw.memory[key] = _computed(line, attributes, rw.opset)
    array: np.ndarray = rw.memory[key]
    return array


def _computed(line: Line, attributes: dict[str, int | float | str], opset: int) -> np.ndarray:
    count, (start, end) = line.before, line.crop
    none = np.zeros(0, np.float32)
    arrays = [
        np.eye(count, dtype=np.float32)[None, None],
        np.array([0, 0, 0, start, 1, 1, 1, end], np.float32),
        none if line.scale is None else np.array([1, 1, 1, line.scale], np.float32),
    ]
    if line.size is not None:
        arrays.append(np.array([1, 1, count, line.size], np.int64))
    tensors: Tensors = {
        ir.Value(name=f"input_{port}"): ir.tensor(array) for port, array in enumerate(arrays)
    }
    made = [as_attribute(key, item) for key, item in attributes.items()]
    node = ir.Node("", "Resize", list(tensors), made)
    result = node.outputs[0]
    result.name = "weights"
    computed = Region([node], tensors, {"": opset}).run([result])[result].numpy()
    return computed.reshape(count, line.after)
