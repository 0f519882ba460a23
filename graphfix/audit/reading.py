"""What rules read of a node, whatever opset and however odd the node.

An attribute of another type than asked for counts as left out.
"""

from typing import TypeVar

import onnx_ir as ir

from graphfix.audit.view import View
from graphfix.rewrite import constant_tensor
from graphfix.rewrite.subgraphs import subgraphs_of

_T = TypeVar("_T")
_LOOK_BACK = 64
"""How many values are looked at behind a computed one."""


def integer(node: ir.Node, name: str, default: _T) -> int | _T:
    """An attribute that is one integer."""
    value = _value(node, name, ir.AttributeType.INT)
    return value if isinstance(value, int) else default


def real(node: ir.Node, name: str, default: _T) -> float | _T:
    """An attribute that is one float."""
    value = _value(node, name, ir.AttributeType.FLOAT)
    return value if isinstance(value, float) else default


def text(node: ir.Node, name: str, default: _T) -> str | _T:
    """An attribute that is a string."""
    value = _value(node, name, ir.AttributeType.STRING)
    return value if isinstance(value, str) else default


def ints(node: ir.Node, name: str) -> tuple[int, ...] | None:
    """An attribute that is a list of integers; ``None`` when it is left out."""
    value = _value(node, name, ir.AttributeType.INTS)
    return tuple(value) if isinstance(value, (tuple, list)) else None


def texts(node: ir.Node, name: str) -> tuple[str, ...] | None:
    """An attribute that is a list of strings; ``None`` when it is left out."""
    value = _value(node, name, ir.AttributeType.STRINGS)
    return tuple(value) if isinstance(value, (tuple, list)) else None


def constant_ints(value: ir.Value | None, view: View) -> tuple[int, ...] | None:
    """The integers of a constant, flat; ``None`` when it is computed, absent or of floats."""
    found = view.constant(value)
    if found is None or found.dtype.kind not in "iu":
        return None
    return tuple(int(number) for number in found.flat)


def steps(node: ir.Node, view: View) -> int | None:
    """How many steps a recurrent layer runs; ``None`` when that is open."""
    shape, axis = view.shape(view.input(node, 0)), integer(node, "layout", 0)
    return shape[axis] if shape is not None and axis in range(len(shape)) else None


def computed(value: ir.Value | None) -> bool:
    """Whether a value is there, and is not the same in every run.

    An initializer that is an input too is the same in every run on ATC, which takes it for a
    constant.
    """
    return value is not None and constant_tensor(value) is None and not value.is_initializer()


def from_shapes(value: ir.Value) -> bool:
    """Whether a value depends on shapes and constants alone; ``False`` when it takes too long."""
    return _measured(value) is not None


def foldable(value: ir.Value) -> bool:
    """Whether a value depends on shapes alone that have known sizes: it may become a constant."""
    measured = _measured(value)
    return measured is not None and all(
        each.shape is not None and any(isinstance(dim, int) for dim in each.shape)
        for each in measured
    )


def _measured(value: ir.Value) -> list[ir.Value] | None:
    """The values whose shapes a value depends on; ``None`` when it depends on more than shapes."""
    pending, seen, found = [value], {value}, []
    while pending:
        producer = pending.pop().producer()
        if producer is None or len(seen) > _LOOK_BACK:
            return None
        needed = [each for each in producer.inputs if each is not None and computed(each)]
        if producer.op_type in ("Shape", "Size"):
            found += needed
            continue
        if not producer.inputs or any(map(subgraphs_of, producer.attributes.values())):
            return None  # random numbers; branches, which may read anything
        pending += set(needed) - seen
        seen.update(needed)
    return found


def opens_shape(node: ir.Node, value: ir.Value | None, view: View) -> bool:
    """Whether an input is computed, and ATC cannot fold it because no static shape is behind it."""
    if value is None or not computed(value):
        return False
    result = view.shape(node.outputs[0]) if node.outputs else None
    return result is None or None in result or not from_shapes(value)


def axes(node: ir.Node, view: View, index: int = 1) -> tuple[int, ...] | None:
    """``axes``, an attribute or the input at ``index``; empty when left out, ``None`` unknown."""
    listed = ints(node, "axes")
    given = view.input(node, index)
    if listed is not None or given is None:
        return listed or ()
    return constant_ints(given, view)


def rank(value: ir.Value | None) -> int | None:
    """The number of dims of a value; ``None`` when it is not known."""
    return None if value is None or value.shape is None else value.shape.rank()


def from_front(axis: int, rank: int) -> int:
    """An axis counted from the first dim on."""
    return axis + rank if axis < 0 else axis


def _value(node: ir.Node, name: str, kind: ir.AttributeType) -> object:
    attribute = node.attributes.get(name)
    if attribute is None or attribute.is_ref() or attribute.type != kind:
        return None
    value: object = attribute.value
    return value
