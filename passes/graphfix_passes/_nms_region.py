"""Where the end of a detector begins that picks boxes, and what the network hands to it."""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.rewrite import constant_tensor
from graphfix.rewrite.subgraphs import inner_inputs, inner_nodes

_STANDARD = ("", "ai.onnx")
_DECIDES = frozenset(("NonMaxSuppression", "NonZero", "Compress", "Unique"))
"""Operators that make as many elements as the data want."""

_LAYOUT = frozenset(("Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"))
"""Operators that keep all elements, whatever their other inputs are."""

_OF_SHAPES = frozenset(("Shape", "Size"))
_RANDOM = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomUniform", "RandomNormalLike",
     "RandomUniformLike")
)  # fmt: skip
_LEARNT = frozenset(
    ("Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "MatMul", "MaxRoiPool", "RNN", "RoiAlign")
)
"""Operators of the network itself; of MatMul, one with a constant."""


@dataclass(frozen=True)
class Region:
    """The nodes behind the first decision of the data that leads to a NonMaxSuppression."""

    suppressions: tuple[ir.Node, ...]
    """The NonMaxSuppression nodes, or the nodes of the main graph whose subgraphs hold them."""
    nodes: Set[ir.Node]
    given: tuple[ir.Value, ...]
    """Values of the network that the region reads, but for those that follow from others."""

    def makes(self, value: ir.Value) -> bool:
        """Whether a node of the region makes ``value``."""
        return value.producer() in self.nodes

    def learnt(self) -> ir.Node | None:
        """A node of the network itself in the region, which then is not its end."""
        return next((node for node in self.nodes if _is_learnt(node)), None)


def is_suppression(node: ir.Node) -> bool:
    """Whether the node is a NonMaxSuppression of ONNX."""
    return node.op_type == "NonMaxSuppression" and node.domain in _STANDARD


def find_region(graph: ir.Graph) -> Region | None:
    """The region of ``graph``; ``None`` when it has no NonMaxSuppression."""
    found = [node for node in graph if any(map(is_suppression, (node, *inner_nodes(node))))]
    if not found:
        return None
    leading, fixed = _leading_to(found, graph), _fixed(graph)
    seeds = set(found)
    for node in leading:
        if _decides(node) and not all(value in fixed for value in _read(node)):
            seeds.add(node)
    inside: dict[ir.Node, None] = {}
    for node in graph:
        if node in seeds or any(value.producer() in inside for value in _read(node)):
            inside[node] = None
    return Region(tuple(found), inside.keys(), _given(graph, inside.keys(), fixed))


def _given(graph: ir.Graph, inside: Set[ir.Node], fixed: Set[ir.Value]) -> tuple[ir.Value, ...]:
    """What the region reads, in graph order; what others of it determine is left out.

    Of several layouts of one value it is that value.
    """
    needed = {value for node in inside for value in _read(node)}
    sources = Counter(_source(value, fixed) for value in needed)
    needed.update(value for value, readers in sources.items() if readers > 1)
    known = set(fixed)
    kept: list[ir.Value] = []
    for node in graph:
        if node in inside:
            continue
        read = list(_read(node))
        if read and all(value in known for value in read):
            known.update(node.outputs)
            continue
        for value in node.outputs:
            if value in needed and value not in known:
                kept.append(value)
                known.add(value)
    return tuple(kept)


def _source(value: ir.Value, fixed: Set[ir.Value]) -> ir.Value:
    """The value that ``value`` has the elements of, in another layout."""
    while (node := value.producer()) is not None and node.op_type in _LAYOUT:
        data, *rest = (each for each in node.inputs if each is not None)
        if node.domain not in _STANDARD or any(each not in fixed for each in rest):
            break
        value = data
    return value


def _fixed(graph: ir.Graph) -> set[ir.Value]:
    """Values that depend on no number of the data, at most on sizes."""
    fixed = {value for value in graph.initializers.values() if not value.is_graph_input()}
    for node in graph:
        standard = node.domain in _STANDARD
        of_shapes = standard and node.op_type in _OF_SHAPES
        if of_shapes or (node.op_type not in _RANDOM and all(v in fixed for v in _read(node))):
            fixed.update(node.outputs)
    return fixed


def _leading_to(nodes: Sequence[ir.Node], graph: ir.Graph) -> list[ir.Node]:
    """The nodes that ``nodes`` need, themselves included."""
    seen: set[ir.Node] = set()
    queue = list(nodes)
    while queue:
        node = queue.pop()
        if node in seen:
            continue
        seen.add(node)
        makers = (value.producer() for value in _read(node))
        queue.extend(maker for maker in makers if maker is not None and maker.graph is graph)
    return list(seen)


def _read(node: ir.Node) -> Iterator[ir.Value]:
    """What a node of the main graph reads, in its subgraphs as well."""
    yield from (value for value in node.inputs if value is not None)
    own = {out for inner in inner_nodes(node) for out in inner.outputs}
    yield from (value for value in inner_inputs(node) if value not in own)


def _decides(node: ir.Node) -> bool:
    return any(
        each.op_type in _DECIDES and each.domain in _STANDARD for each in (node, *inner_nodes(node))
    )


def _is_learnt(node: ir.Node) -> bool:
    for each in (node, *inner_nodes(node)):
        if each.domain not in _STANDARD or each.op_type not in _LEARNT:
            continue
        if each.op_type != "MatMul" or any(constant_tensor(v) is not None for v in each.inputs):
            return True
    return False
