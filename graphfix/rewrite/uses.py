"""Whether anybody reads a value."""

import onnx_ir as ir


def is_read(value: ir.Value) -> bool:
    """Whether any node reads ``value``; ``value.uses()`` would copy all of its uses to tell."""
    return bool(value._uses)


def is_needed(value: ir.Value) -> bool:
    """Whether a node or the caller reads ``value``."""
    return bool(value._uses) or value.is_graph_output()
