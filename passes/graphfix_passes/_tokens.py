"""Which axes of which values hold the tokens of a transformer, as far as that can be followed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from graphfix.rewrite import Rewriter, node_label
from graphfix.rewrite.symbolic import Number, total
from graphfix_passes._permutations import order_of
from graphfix_passes._rows import BINARY, REDUCTIONS, UNARY, row_node
from graphfix_passes._slices import cuts

Axes = frozenset[int]
Dims = tuple[Number, ...]
NONE: Axes = frozenset()
_ENTRANCES = ("LayerNormalization", "MatMul", *sorted(REDUCTIONS))
_WHERE_SINCE = 9
_RANK = 3
"""Of hidden states: batch, tokens, width."""


@dataclass(frozen=True)
class TokenNode:
    """A node that does the same to each token, or mixes tokens in the way of an attention."""

    node: ir.Node
    size: int
    """The number of tokens."""
    ports: Mapping[int, Axes]
    """The axes of its inputs that hold tokens."""
    made: Axes
    """The axes of what it makes that hold tokens."""
    weights: bool = False
    """Whether what it makes is 0 for each token that is no token."""


@dataclass
class Tokens:
    """The nodes of one graph between the entrance of a transformer and its end."""

    rw: Rewriter
    nodes: dict[ir.Node, TokenNode] = field(default_factory=dict)
    axes: dict[ir.Value, tuple[int, Axes]] = field(default_factory=dict)
    """How many tokens a value holds, and along which axes."""
    weights: set[ir.Value] = field(default_factory=set)
    behind: dict[ir.Value, str] = field(default_factory=dict)
    """Values behind the end, with the node that ended it."""
    refusal: str = ""

    def refuse(self, value: ir.Value) -> None:
        """Note that ``value``, which is behind the end, is needed where tokens are."""
        reason = f"tokens come back from {self.behind[value]}, which is not followed"
        self.refusal = self.refusal or reason


def follow(nodes: Iterable[ir.Node], multiple: int, rw: Rewriter) -> Tokens:
    """Follow the tokens of every attention in a graph whose number is no ``multiple``."""
    ordered = tuple(nodes)
    found = Tokens(rw)
    attentions = {
        node: size
        for node in ordered
        if isinstance(size := tokens_of(node, rw), int) and size % multiple
    }
    if not attentions:
        return found
    sizes = set(attentions.values())
    for node in ordered:
        _visit(node, sizes, found)
    for node in attentions:
        scores = node.inputs[0]
        if node not in found.nodes and scores is not None and not found.refusal:
            end = found.behind.get(scores)
            why = "it is in front of all layers" if end is None else f"{end} is not followed"
            found.refusal = f"the attention {node_label(node)!r} stays without tokens: {why}"
    return found


def tokens_of(node: ir.Node, rw: Rewriter) -> Number | None:
    """The number of tokens, if ``node`` is the Softmax of scores of all tokens for all tokens."""
    if node.op_type != "Softmax" or node.domain not in ("", "ai.onnx"):
        return None
    dims = rw.facts.dims(node.inputs[0]) or ()
    return dims[-1] if len(dims) > 2 and dims[-1] == dims[-2] and dims[-1] != 1 else None


def _visit(node: ir.Node, sizes: set[int], found: Tokens) -> None:
    entrance = _entrance(node, sizes, found)
    if entrance is not None:
        value, size = entrance
        if value in found.behind:
            found.refuse(value)
            return
        found.axes[value] = size, frozenset({1})
    known = {found.axes[value][0] for value in node.inputs if value in found.axes}
    done = _rule(node, known.pop(), found) if len(known) == 1 else None
    if done is None:
        reason = next((found.behind[v] for v in node.inputs if v in found.behind), "")
        if not reason and any(value in found.axes for value in node.inputs):
            reason = f"{node.op_type} {node_label(node)!r}"
        if reason:
            found.behind.update(dict.fromkeys(node.outputs, reason))
        return
    for port in done.ports:
        read = node.inputs[port]
        if read is not None and read in found.behind:
            found.refuse(read)
    found.nodes[node] = done
    if done.made:
        found.axes.update(dict.fromkeys(node.outputs, (done.size, done.made)))
    if done.weights:
        found.weights.update(node.outputs)


def _entrance(node: ir.Node, sizes: set[int], found: Tokens) -> tuple[ir.Value, int] | None:
    """The hidden states that ``node`` reads, if they hold no tokens yet."""
    value = node.inputs[0] if node.inputs else None
    if node.op_type not in _ENTRANCES or value is None or value in found.axes:
        return None
    dims = found.rw.facts.dims(value) or ()
    if len(dims) != _RANK or dims[1] not in sizes or row_node(node, found.rw) is None:
        return None
    size = dims[1]
    return (value, size) if isinstance(size, int) else None


def _rule(node: ir.Node, size: int, found: Tokens) -> TokenNode | None:
    """What ``node`` does to tokens; ``None`` when it is not one of those that are understood."""
    rw = found.rw
    if node.domain not in ("", "ai.onnx") or any(a.is_ref() for a in node.attributes.values()):
        return None
    dims = [rw.facts.dims(value) for value in node.inputs]
    axes = [_axes(value, found) for value in node.inputs]
    made = rw.facts.dims(node.outputs[0])
    if made is None or dims[0] is None:
        return None
    if node.op_type in BINARY or node.op_type == "Where":
        return _elementwise(node, size, found)
    if node.op_type == "MatMul":
        return _product(node, size, found)
    if any(axes[1:]):
        return None
    own, rank = axes[0], len(dims[0])
    after = _after(node, own, size, dims[0], made, rw)
    if after is None:
        return None
    softened = node.op_type == "Softmax" and rank - 1 in own
    kept = node.op_type in ("Cast", "Identity") and node.inputs[0] in found.weights
    return TokenNode(node, size, {0: own}, after, weights=softened or kept)


def _axes(value: ir.Value | None, found: Tokens) -> Axes:
    return found.axes[value][1] if value is not None and value in found.axes else NONE


def _after(
    node: ir.Node, own: Axes, size: int, dims: Dims, made: Dims, rw: Rewriter
) -> Axes | None:
    """Where the tokens are behind a node with one tensor of them."""
    rank, op_type = len(dims), node.op_type
    if op_type in UNARY or op_type == "IsNaN":
        return own
    if op_type == "Softmax":
        if node.inputs[0] is None or node.inputs[0].dtype is None or rw.opset < _WHERE_SINCE:
            return None
        axis = rw.attr_int(node, "axis", -1 if rw.opset >= 13 else 1) % rank
        return own if axis == rank - 1 or (rw.opset >= 13 and axis not in own) else None
    if op_type == "LayerNormalization" or op_type in REDUCTIONS:
        return own if row_node(node, rw) is not None and rank - 1 not in own else None
    if op_type == "Transpose":
        order = order_of(node, rw) or ()
        return frozenset(place for place, axis in enumerate(order) if axis in own)
    if op_type == "Reshape":
        return _reshaped(node, own, size, dims, made, rw)
    if op_type in ("Squeeze", "Unsqueeze"):
        return _moved(node, own, rank, len(made), rw)
    if op_type == "Split":
        return own if rw.attr_int(node, "axis", 0) % rank not in own else None
    if op_type == "Slice":
        kept = cuts(node, tuple(dim if isinstance(dim, int) else None for dim in dims), rw)
        return own if isinstance(kept, Mapping) and not own & set(kept) else None
    if op_type == "Gather":
        axis, index = rw.attr_int(node, "axis", 0) % rank, rw.constant(node.inputs[1])
        if axis in own or index is None or index.ndim > 0:
            return None
        return frozenset(each - (each > axis) for each in own)
    return None


def _reshaped(
    node: ir.Node, own: Axes, size: int, dims: Dims, made: Dims, rw: Rewriter
) -> Axes | None:
    """An axis stays itself when as many elements are in front of it."""
    if rw.ints(rw.input(node, 1)) is None:
        return None
    places = [
        place
        for axis in sorted(own)
        for place, dim in enumerate(made)
        if dim == size and total(made[:place]) == total(dims[:axis])
    ]
    return frozenset(places) if len(set(places)) == len(own) else None


def _moved(node: ir.Node, own: Axes, before: int, after: int, rw: Rewriter) -> Axes | None:
    given = rw.param_ints(node, "axes", 1)
    if given is None:
        return None
    if node.op_type == "Squeeze":
        gone = {axis % before for axis in given}
        if gone & own:
            return None
        return frozenset(axis - sum(each < axis for each in gone) for axis in own)
    inserted = {axis % after for axis in given}
    old = [place for place in range(after) if place not in inserted]
    return frozenset(old[axis] for axis in own)


def _elementwise(node: ir.Node, size: int, found: Tokens) -> TokenNode | None:
    """Tensors side by side; one that holds no tokens and has their number is padded, too."""
    dims = [found.rw.facts.dims(value) for value in node.inputs]
    shapes = [each for each in dims if each is not None]
    rank = max(map(len, shapes), default=0)
    if len(shapes) < len(dims):
        return None
    lacking = [rank - len(each) for each in shapes]
    held = [_axes(value, found) for value in node.inputs]
    made = frozenset(a + lack for own, lack in zip(held, lacking, strict=True) for a in own)
    ports: dict[int, Axes] = {}
    for port, (shape, lack) in enumerate(zip(shapes, lacking, strict=True)):
        there = [axis - lack for axis in made if axis >= lack]
        if any(shape[axis] not in (1, size) for axis in there):
            return None
        own = frozenset(axis for axis in there if shape[axis] == size)
        if own:
            ports[port] = own
        if not held[port] <= own:
            return None
    weights = node.op_type == "Where" and all(
        value in found.weights or found.rw.scalar(value) == 0 for value in node.inputs[1:]
    )
    return TokenNode(node, size, ports, made, weights=weights)


def _product(node: ir.Node, size: int, found: Tokens) -> TokenNode | None:
    """Each token by itself, scores of tokens for tokens, or a sum of tokens with weights."""
    left, right = node.inputs
    a, b = found.rw.facts.dims(left) or (), found.rw.facts.dims(right) or ()
    if len(a) < 2 or len(b) < 2:
        return None
    own, other = _axes(left, found), _axes(right, found)
    summed = len(a) - 1 in own
    if any(axis < len(a) - 2 for axis in own) or any(axis < len(b) - 2 for axis in other):
        return None
    if summed and (left not in found.weights or b[-2] != size):
        return None
    if not summed and len(b) - 2 in other:
        return None
    rank = max(len(a), len(b))
    made = {rank - 2} if len(a) - 2 in own else set()
    made |= {rank - 1} if len(b) - 1 in other else set()
    ports = {0: own, 1: other | {len(b) - 2} if summed else other}
    return TokenNode(
        node, size, {port: axes for port, axes in ports.items() if axes}, frozenset(made)
    )


def padded_shape(found: TokenNode, asked: Sequence[int], new: int) -> list[int]:
    """The numbers for a Reshape of padded tokens: a 0 or -1 that means them stays."""
    own, shape = found.ports[0], list(asked)
    for place, number in enumerate(asked):
        if place in found.made:
            stays = number == -1 or (number == 0 and place in own)
            shape[place] = number if stays else new
        elif number == 0 and place in own:
            shape[place] = found.size
    return shape
