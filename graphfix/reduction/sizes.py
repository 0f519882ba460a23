"""Make the dims of a small model smaller: every axis of one size at once, weights included."""

from typing import Any

import numpy as np
import onnx_ir as ir

from graphfix.reduction.case import Case
from graphfix.reduction.search import Budget, Fails

_MOST_NODES = 40
"""Larger models are not shrunk: sizes that have nothing to do with each other are equal there."""


def shrink_sizes(case: Case, fails: Fails, budget: Budget) -> Case:
    """Try 1, 2 and half for each size of inputs and weights, the largest first."""
    if case.nodes > _MOST_NODES:
        return case
    while not budget.over:
        smaller = _smaller(case, fails, budget)
        if smaller is None:
            return case
        case = smaller
    return case


def _smaller(case: Case, fails: Fails, budget: Budget) -> Case | None:
    for size in sorted(_sizes(case), reverse=True):
        for wanted in dict.fromkeys((1, 2, size // 2)):
            if not 0 < wanted < size:
                continue
            found = _resized(case, size, wanted)
            if budget.tries_out(found, fails, f"size {size} as {wanted}"):
                return found
    return None


def _sizes(case: Case) -> set[int]:
    arrays = [np.asarray(array) for array in (case.feed or {}).values()]
    shapes = [array.shape for array in arrays]
    shapes += [_dims(value) for value in case.model.graph.initializers.values()]
    if case.feed is None:
        shapes += [_dims(value) for value in case.model.graph.inputs]
    return {size for shape in shapes for size in shape if size > 1}


def _dims(value: ir.Value) -> tuple[int, ...]:
    return tuple(dim for dim in value.shape or () if isinstance(dim, int))


def _resized(case: Case, size: int, wanted: int) -> Case:
    """The model with every axis of ``size`` cut to ``wanted``, and that number in shapes too."""
    model = case.model.clone()
    graph = model.graph
    for name, value in graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.dtype == ir.DataType.STRING:
            continue
        array = tensor.numpy()
        new = _cut(array, size, wanted)
        if array.dtype.kind in "iu" and array.ndim <= 1:
            new = np.where(new == size, wanted, new).astype(array.dtype)
        if new.shape != array.shape or not np.array_equal(new, array):
            value.const_value = ir.tensor(new, dtype=tensor.dtype, name=name)
            value.shape = ir.Shape(new.shape)
    feed: dict[str, Any] | None = None
    if case.feed is not None:
        feed = {name: _cut(np.asarray(array), size, wanted) for name, array in case.feed.items()}
    for value in graph.inputs:
        if value.shape is not None:
            value.shape = _shape(value.shape, size, wanted)
    _forget_shapes(graph)
    return Case(model, feed)


def _forget_shapes(graph: ir.Graph) -> None:
    """What values inside and outputs are is inferred anew, or left open."""
    for node in graph:
        for out in node.outputs:
            if out.shape is not None:
                out.shape = ir.Shape([None] * len(out.shape)) if out.is_graph_output() else None


def _shape(shape: ir.Shape, size: int, wanted: int) -> ir.Shape:
    return ir.Shape([wanted if dim == size else dim for dim in shape])


def _cut(array: np.ndarray[Any, Any], size: int, wanted: int) -> np.ndarray[Any, Any]:
    places = tuple(slice(wanted if length == size else None) for length in array.shape)
    return np.ascontiguousarray(array[places]).reshape(
        [wanted if length == size else length for length in array.shape]
    )
