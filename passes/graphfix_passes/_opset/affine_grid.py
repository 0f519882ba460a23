"""AffineGrid as a product of a constant grid with the matrices."""

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN


@DOWN.at(20, "AffineGrid")
def _affine_grid(node: ir.Node, rw: Converter) -> Answer:
    """``theta [N, d, d+1]`` times the coordinates of each cell, ``(x, y[, z], 1)``."""
    theta, size = node.inputs
    sizes, dtype = rw.ints(size), rw.dtype(theta)
    if sizes is None or dtype is None:
        return Skip("its size is computed, or its type unknown; fold constants before (sim)")
    space = sizes[2:]
    lines = [_line(count, bool(rw.attr_int(node, "align_corners", 0))) for count in space]
    mesh = np.meshgrid(*lines, indexing="ij")
    cells = np.stack([*reversed(mesh), np.ones_like(mesh[0])], axis=0)
    base = rw.const(cells.reshape(1, len(space) + 1, -1).astype(dtype.numpy()))
    grid = rw.op("Transpose", rw.op("MatMul", theta, base), perm=[0, 2, 1])
    return rw.op("Reshape", grid, rw.const([-1, *space, len(space)]))


def _line(count: int, align_corners: bool) -> np.ndarray:
    """Coordinates of the cells of one axis in [-1, 1]: at the corners, or at their centres."""
    if align_corners:
        return np.linspace(-1, 1, count) if count > 1 else np.array([-1.0])
    return (2 * np.arange(count) + 1) / count - 1
