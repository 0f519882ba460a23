"""Nodes that treat each row of the last axis of their input by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx_ir as ir

from graphfix.rewrite import PassResult, Rewriter, constant_tensor
from graphfix.rewrite.site import Site
from graphfix.rewrite.symbolic import Facts, Number

Dims = tuple[Number, ...]

UNARY = frozenset(
    {
        "Abs", "Cast", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity",
        "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus",
        "Sqrt", "Swish", "Tanh",
    }
)  # fmt: skip
BINARY = frozenset({"Add", "Div", "Mul", "Pow", "Sub"})
REDUCTIONS = frozenset({"ReduceMean", "ReduceSum"})
OPERATORS = UNARY | BINARY | REDUCTIONS | {"LayerNormalization", "MatMul"}


@dataclass(frozen=True)
class RowNode:
    """A node whose result has the leading dims of what it reads, and mixes no rows."""

    node: ir.Node
    lead: Dims
    """All dims but the last, of what it reads by rows and of what it makes."""
    rows: tuple[int, ...]
    """Its inputs that are read by rows; others are the same for each row."""
    widths: tuple[int, ...]
    """The last dims of these inputs and of what it makes."""

    @property
    def values(self) -> tuple[ir.Value, ...]:
        """What it reads and makes by rows."""
        read = (self.node.inputs[port] for port in self.rows)
        return (*(value for value in read if value is not None), self.node.outputs[0])


def row_node(node: ir.Node, rw: Rewriter) -> RowNode | None:
    """How ``node`` treats the rows of three-dimensional tensors; ``None`` when it may not."""
    if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
        return None
    if any(out.uses() or out.is_graph_output() for out in node.outputs[1:]):
        return None
    if any(attribute.is_ref() for attribute in node.attributes.values()):
        return None
    rows = _ports(node, rw)
    values = (*(node.inputs[port] for port in rows), node.outputs[0])
    dims = [rw.facts.dims(value) or () for value in values]
    if not rows or any(len(each) != 3 for each in dims) or len({each[:-1] for each in dims}) > 1:
        return None
    widths = tuple(each[-1] for each in dims if isinstance(each[-1], int) and each[-1] > 0)
    return RowNode(node, dims[0][:-1], rows, widths) if len(widths) == len(dims) else None


def _ports(node: ir.Node, rw: Rewriter) -> tuple[int, ...]:
    """The inputs that are read by rows, if the others are the same for each row."""
    facts = rw.facts
    if node.op_type in BINARY:
        same = [same_for_each_row(value, facts) for value in node.inputs]
        return tuple(port for port, constant in enumerate(same) if not constant)
    others = [len(facts.dims(value) or ()) for value in node.inputs[1:] if value is not None]
    if node.op_type == "MatMul":
        return (0,) if others == [2] else ()
    if node.op_type == "LayerNormalization":
        last = rw.attr_int(node, "axis", -1) in (-1, 2)
        return (0,) if last and all(rank == 1 for rank in others) else ()
    if node.op_type in REDUCTIONS:
        kept = rw.attr_int(node, "keepdims", 1) == 1
        return (0,) if kept and rw.param_ints(node, "axes", 1) in ((-1,), (2,)) else ()
    return (0,)


def same_for_each_row(value: ir.Value | None, facts: Facts) -> bool:
    """Whether ``value`` has no more than one row: a scalar, a vector, a constant like one."""
    dims = facts.dims(value)
    if dims is None:
        return False
    constant = constant_tensor(value) is not None
    return len(dims) < 2 or (constant and all(dim == 1 for dim in dims[:-1]))


class Regions:
    """The row nodes of one graph, and which of them hang together."""

    def __init__(self, nodes: Iterable[ir.Node], rw: Rewriter) -> None:
        self._above: dict[ir.Value, ir.Value] = {}
        found = [row for node in nodes if (row := row_node(node, rw)) is not None]
        self.rows: Mapping[ir.Node, RowNode] = {row.node: row for row in found}
        for row in found:
            first, *others = row.values
            for value in others:
                self._above[self.root(value)] = self.root(first)
        self._products: dict[ir.Value, int] = {}
        for row in found:
            if row.node.op_type == "MatMul":
                root = self.root(row.node.outputs[0])
                self._products[root] = self._products.get(root, 0) + 1

    def root(self, value: ir.Value) -> ir.Value:
        """One value that stands for all that hang together with ``value``."""
        path = []
        while (above := self._above.get(value, value)) is not value:
            path.append(value)
            value = above
        for each in path:
            self._above[each] = value
        return value

    def products(self, row: RowNode) -> int:
        """The number of MatMuls in the region of ``row``."""
        return self._products.get(self.root(row.node.outputs[0]), 0)


def judged_as_a_whole(result: PassResult) -> PassResult:
    """The result of a pass that gives all tensors between the layers another shape.

    Such rewrites share all their borders. One by one they would all be kept in memory at a time,
    with all that they read and make, which for a whole transformer is tens of gigabytes.
    """
    site = Site(unsuitable="what is around it has another shape now, too")
    return replace(result, rewrites=tuple(replace(each, site=site) for each in result.rewrites))
