"""What is known of a value: its dims, and whether two values must have the same."""

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter
from graphfix.rewrite.bounds import ANY, Interval, derive

Dim = int | str | None
"""A size, the name of one, or nothing."""


def dims(value: ir.Value | None) -> tuple[Dim, ...] | None:
    """The dims of a value; ``None`` when not even the rank is known."""
    if value is None or value.shape is None:
        return None
    return tuple(dim if isinstance(dim, int) else dim.value for dim in value.shape)


def rank(value: ir.Value | None) -> int | None:
    """The number of dims; ``None`` when it is not known."""
    return None if value is None or value.shape is None else len(value.shape)


def same_shape(one: ir.Value, other: ir.Value) -> bool:
    """Whether both are known to have the same dims, by number or by name."""
    left, right = dims(one), dims(other)
    return left is not None and left == right and None not in left


def fixed(value: ir.Value | None, rw: Rewriter) -> float | int | bool | None:
    """The one number of ``value`` in every run: a constant, or what follows from the sizes."""
    number = rw.scalar(value)
    known = rw.facts.value(value) if number is None else None
    if known is not None and len(known.sizes) == 1 and known.constant is not None:
        item: float | int | bool = known.constant.item()
        return item
    return number


def known_array(value: ir.Value | None, rw: Rewriter) -> np.ndarray | None:
    """A constant, or a small tensor that is the same in every run."""
    array = rw.constant(value)
    known = rw.facts.value(value) if array is None else None
    return array if known is None else known.constant


def derived_bound(value: ir.Value, rw: Rewriter) -> Interval:
    """Between which numbers a value of the main graph lies, by the graph as it was at first."""
    if "bounds" not in rw.memory:
        rw.memory["bounds"] = derive(rw.model)
    bounds: Mapping[str, Interval] = rw.memory["bounds"]
    return bounds.get(value.name or "", ANY)
