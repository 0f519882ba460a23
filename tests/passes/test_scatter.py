"""``scatter`` on random graphs."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix_passes.scatter import Scatter
from tests.passes.random_graphs import Grower, hold

_KINDS = (np.float32, np.int64, np.int32)


def reduction(grow: Grower) -> dict[str, str]:
    """An attribute that the opset has."""
    choices = ("none", "add", "mul", "max", "min")[: 1 if grow.opset < 16 else 3]
    choices = ("none", "add", "mul", "max", "min") if grow.opset >= 18 else choices
    return {"reduction": grow.one_of(*choices)} if len(choices) > 1 else {}


def chosen(grow: Grower, size: int) -> np.ndarray:
    """Indices of an axis: a range, steps, any order, from the end, now and then one twice."""
    first = grow.number(0, size - 1)
    last = grow.number(first + 1, size)
    found = np.arange(first, last, grow.one_of(1, 1, 2))
    if grow.chance(20):
        found = np.array(grow.permutation(size))[:last]
    if grow.chance(20):
        found = found - size
    if grow.chance(10):
        found[0] = found[-1]
    return found


def tuples(grow: Grower) -> Sequence[ir.Value]:
    """ScatterND on a grid of indices, whole or without some of its points."""
    shape = grow.shape(1, 3)
    axes = grow.number(1, len(shape))
    lines = [chosen(grow, size) for size in shape[:axes]]
    if grow.chance(30):
        lines[0] = np.arange(shape[0])
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), -1)
    order = grow.permutation(axes)
    grid = grid.transpose(*order, axes)
    if grow.chance(20):
        grid = grid.reshape(-1, axes)[:: grow.one_of(1, 2)]
    dtype = grow.one_of(*_KINDS)
    data, update = grow.input(shape, dtype), grow.input((*grid.shape[:-1], *shape[axes:]), dtype)
    if grow.chance(30):
        turn = grow.permutation(len(shape))
        data = grow.op("Transpose", data, perm=np.argsort(turn).tolist())
        data = grow.op("Transpose", data, perm=turn)
    result = grow.op("ScatterND", data, indices(grow, grid, data), update, **reduction(grow))
    if grow.chance(40):
        result = grow.op("Transpose", result, perm=grow.permutation(len(shape)))
    return [result]


def indices(grow: Grower, grid: np.ndarray, data: ir.Value) -> ir.Value:
    """A constant, or made of a Range over the first axis and a constant, as exporters write it."""
    plain = grid.shape[-1] == 2 and grid.ndim == 3 and not (grid - grid[:, :1])[..., 0].any()
    if not plain or not np.array_equal(grid[:, 0, 0], np.arange(len(grid))) or grow.chance(30):
        return grow.const(grid, np.int64)
    size = grow.op("Gather", grow.op("Shape", data), grow.const(0, np.int64))
    if grow.feeds["x0"].shape[:1] != grid.shape[:1]:
        return grow.const(grid, np.int64)
    rows = grow.op("Range", grow.const(0, np.int64), size, grow.const(1, np.int64))
    rows = grow.op("Reshape", rows, grow.const([-1, 1], np.int64))
    columns = grow.const(grid[0, :, 1], np.int64)
    shape = grow.op("Shape", grow.op("Add", rows, columns))
    parts = [grow.op("Expand", part, shape) for part in (rows, columns)]
    parts = [grow.with_ints("Unsqueeze", part, since=13, axes=[-1]) for part in parts]
    return grow.op("Concat", *parts, axis=grow.one_of(-1, 2))


def elements(grow: Grower) -> Sequence[ir.Value]:
    """ScatterElements, mostly with indices that are the same along other axes."""
    shape = grow.shape(1, 3)
    axis = grow.number(-len(shape), len(shape) - 1)
    line = chosen(grow, shape[axis])
    sizes = [size if grow.chance(60) else grow.number(1, size) for size in shape]
    sizes[axis] = len(line)
    column = [1] * len(shape)
    column[axis] = len(line)
    grid = np.broadcast_to(line.reshape(column), sizes).copy()
    if grow.chance(10):
        grid = np.minimum(grid, 0)
    if grow.opset < 11:
        grid = grid % shape[axis]
    dtype = grow.one_of(*_KINDS)
    data, update = grow.input(shape, dtype), grow.input(sizes, dtype)
    op_type = "Scatter" if grow.opset < 11 else "ScatterElements"
    at = grow.const(grid, grow.one_of(np.int64, np.int32))
    return [grow.op(op_type, data, at, update, axis=axis, **reduction(grow))]


def test_tuples_of_indices() -> None:
    hold(Scatter(), tuples, opsets=(11, 13, 16, 18, 21))


def test_indices_along_an_axis() -> None:
    hold(Scatter(), elements)
