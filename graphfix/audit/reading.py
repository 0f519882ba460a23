"""What rules read of a node, whatever opset and however odd the node.

An attribute of another type than asked for counts as left out.
"""

from typing import TypeVar

import onnx_ir as ir

from graphfix.audit.view import View

_T = TypeVar("_T")


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


def axes(node: ir.Node, view: View, index: int = 1) -> tuple[int, ...] | None:
    """``axes``, an attribute or the input at ``index``; empty when left out, ``None`` unknown."""
    listed = ints(node, "axes")
    given = view.input(node, index)
    if listed is not None or given is None:
        return listed or ()
    found = view.constant(given)
    if found is None or found.dtype.kind not in "iu":
        return None
    return tuple(int(axis) for axis in found.flat)


def from_front(axis: int, rank: int) -> int:
    """An axis counted from the first dim on."""
    return axis + rank if axis < 0 else axis


def _value(node: ir.Node, name: str, kind: ir.AttributeType) -> object:
    attribute = node.attributes.get(name)
    if attribute is None or attribute.is_ref() or attribute.type != kind:
        return None
    value: object = attribute.value
    return value
