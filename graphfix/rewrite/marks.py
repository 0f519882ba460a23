"""Tell nodes apart that a foreign tool would take for one: random operators, calls of functions.

Two nodes with equal inputs and attributes compute the same, so simplifiers merge them; not so when
they draw random numbers, or when they call two overloads and the tool knows no overloads. While the
tool works, such nodes carry a number of their own in an attribute.
"""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.errors import PassError
from graphfix.rewrite.rewriter import node_label

_DRAWING = frozenset(
    [
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    ]
)
_CALL_MARK = "graphfix_mark"
_FIRST = 1 << 20
"""Marks count from here: they look like no usual seed, and float32 holds the next 15 million."""


def mark(model: ir.Model) -> None:
    """Give every random node and every call that must stay apart a number of its own, in place."""
    for number, (node, name, kind) in enumerate(tuple(_marked(model)), start=_FIRST):
        value = float(number) if kind == ir.AttributeType.FLOAT else number
        node.attributes.add(ir.Attr(name, kind, value))


def needs_marks(model: ir.Model) -> bool:
    """Whether :func:`mark` would change the model."""
    return next(_marked(model), None) is not None


def unmark(model: ir.Model, before: ir.Model) -> None:
    """Take the marks of ``mark`` out again; ``before`` is the model as it was without them.

    Raises:
        PassError: a marked node is there twice, or one without a mark has appeared.
    """
    originals = [(node, name) for node, name, _ in _marked(before)]
    seen: set[int] = set()
    calls = frozenset(before.functions)
    for node in model.graph.all_nodes():
        name = _mark_name(node, calls)
        attribute = node.attributes.get(name) if name else None
        if name == _CALL_MARK and attribute is None:
            continue
        if name is None:
            continue
        number = -1 if attribute is None else int(attribute.value) - _FIRST
        if number not in range(len(originals)) or number in seen:
            raise PassError(
                f"{node_label(node)}: the tool has made another {node.op_type} out of one; random "
                "operators must stay as they are"
            )
        seen.add(number)
        original = originals[number][0].attributes.get(name)
        if original is None:
            del node.attributes[name]
        else:
            node.attributes.add(original)


def _marked(model: ir.Model) -> Iterator[tuple[ir.Node, str, ir.AttributeType]]:
    """The nodes to mark, in graph order, with name and type of the attribute for it."""
    calls = _delicate_functions(model)
    for node in model.graph.all_nodes():
        name = _mark_name(node, calls)
        if name is not None:
            is_float = name == "seed" and node.op_type != "Dropout"
            yield node, name, ir.AttributeType.FLOAT if is_float else ir.AttributeType.INT


def _mark_name(node: ir.Node, calls: frozenset[ir.OperatorIdentifier]) -> str | None:
    if node.op_identifier() in calls:
        return _CALL_MARK
    return "seed" if draws(node) else None


def draws(node: ir.Node) -> bool:
    """Whether the node draws random numbers (Dropout: when it is told about training)."""
    if node.domain not in ("", "ai.onnx"):
        return False
    return node.op_type in _DRAWING or (
        node.op_type == "Dropout" and len(node.inputs) > 2 and node.inputs[2] is not None
    )


def _delicate_functions(model: ir.Model) -> frozenset[ir.OperatorIdentifier]:
    """Functions that draw random numbers, also through others, and those with overloads."""
    found = {
        key
        for key, function in model.functions.items()
        if key[2] or any(draws(node) for node in function.all_nodes())
    }
    while True:
        more = {
            key
            for key, function in model.functions.items()
            if any(node.op_identifier() in found for node in function.all_nodes())
        }
        if more <= found:
            return frozenset(found)
        found |= more
