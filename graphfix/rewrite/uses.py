"""Who reads a value: what onnx-ir tells slowly, asked of its private parts here."""

import onnx_ir as ir


def is_read(value: ir.Value) -> bool:
    """Whether any node reads ``value``; ``value.uses()`` would copy all of its uses to tell."""
    return bool(value._uses)


def is_needed(value: ir.Value) -> bool:
    """Whether a node or the caller reads ``value``."""
    return bool(value._uses) or value.is_graph_output()


def let_go(node: ir.Node) -> None:
    """Let a node that is to be removed read nothing any more; its inputs are ``None`` then."""
    for index, value in enumerate(node.inputs):
        if value is not None:
            value._remove_usage(node, index)
    node._inputs = (None,) * len(node.inputs)
