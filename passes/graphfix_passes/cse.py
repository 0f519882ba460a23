"""The ``cse`` pass: what is computed twice."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip, constant_tensor
from graphfix.rewrite.marks import draws
from graphfix.rewrite.subgraphs import HOLDERS, subgraphs_of_node

_SMALL = 1024
"""Tensors up to this many bytes are compared; larger ones are equal when they are the same."""


@dataclass(frozen=True, kw_only=True)
class Cse(RewritePass):
    """Replace nodes that compute what an earlier node has computed already.

    Why
        Exporters write the same shape arithmetic, and the same difference of a LayerNorm, once for
        every reader; each costs the device a kernel, and common fusions do not match any more.

    Rewrites
        A node with the operator, the inputs and the attributes of an earlier one in the same graph:
        its readers read the earlier one. Small constants are compared by their numbers.

    Leaves alone
        A node whose output is a graph output, which keeps its own node. Operators that draw random
        numbers, functions that do, operators of domains that are not ONNX's, and nodes that hold
        subgraphs.
    """

    name = "cse"
    match_ops = ()
    contract = Exact()
    must_match = False

    def matches(self, node: ir.Node) -> bool:
        """Nodes whose results depend on inputs and attributes alone, as far as it shows."""
        if node.op_type in HOLDERS or draws(node):
            return False
        return node.domain == "" or not any(subgraphs_of_node(node))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value | None] | Skip | None:
        """Replace the node by an equal one that has been visited before, or remember it."""
        identifier = node.op_identifier()
        if not _repeats(identifier, rw):
            return None
        computed = [None if _is_constant(value) else value for value in node.inputs]
        alike: dict[Hashable, ir.Node] = rw.memory.setdefault(
            (node.graph, identifier, *computed), {}
        )
        if not alike:
            alike[None] = node  # the rest matters only if there is another one
            return None
        if (lone := alike.pop(None, None)) is not None and lone.graph is not None:
            alike[_rest(lone)] = lone
        key = _rest(node)
        first = alike.setdefault(key, node)
        if first is node or first.graph is None:
            alike[key] = node
            return None
        if any(value.is_graph_output() for value in node.outputs):
            return rw.skip(f"it equals {first.outputs[0].name!r}, but is a graph output itself")
        return tuple(first.outputs)


def _repeats(key: ir.OperatorIdentifier, rw: Rewriter) -> bool:
    """Whether an operator is known to give equal results for equal inputs."""
    if key[0] == "":
        return True
    function = rw.model.functions.get(key)
    if function is None:
        return False
    if key not in rw.memory:
        inside = list(function.all_nodes())
        rw.memory[key] = not any(map(draws, inside)) and all(
            _repeats(identifier, rw) for identifier in {node.op_identifier() for node in inside}
        )
    return bool(rw.memory[key])


def _is_constant(value: ir.Value | None) -> bool:
    return constant_tensor(value) is not None


def _rest(node: ir.Node) -> Hashable:
    """What else must be equal in two nodes with the same operator and computed inputs."""
    return (
        tuple(map(_value_key, node.inputs)),
        frozenset((name, _attribute_key(item)) for name, item in node.attributes.items()),
        tuple(bool(value.name) for value in node.outputs),
    )


def _value_key(value: ir.Value | None) -> Hashable:
    """Equal for values that hold the same numbers in every run."""
    tensor = constant_tensor(value)
    return value if tensor is None else (_tensor_key(tensor) or value)


def _tensor_key(tensor: ir.TensorProtocol) -> Hashable:
    """``None`` for a large tensor."""
    if tensor.nbytes > _SMALL or tensor.dtype == ir.DataType.STRING:
        return None
    return tensor.dtype, tuple(tensor.shape), tensor.tobytes()


def _attribute_key(attribute: ir.Attr) -> Hashable:
    if attribute.type == ir.AttributeType.TENSOR and not attribute.is_ref():
        return attribute.type, _tensor_key(attribute.as_tensor()) or id(attribute.value)
    # The text tells 0.0 from -0.0, which are equal otherwise.
    return attribute.type, attribute.ref_attr_name, repr(attribute.value)
