"""The ``attention-2d`` pass: the layers of a transformer on matrices."""

from dataclasses import dataclass, field

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import PassContext, PassResult, RewritePass, Rewriter, Skip
from graphfix_passes._rows import OPERATORS, Dims, Regions, RowNode, judged_as_a_whole

_WORTHWHILE = 2
"""Products that a region must have: a single one would get two Reshapes and lose none."""


@dataclass(frozen=True, kw_only=True)
class Attention2d(RewritePass):
    """Keep hidden states [batch, tokens, H] as matrices [-1, H] from layer to layer.

    Why
        For the 310P, ATC fuses an attention that is written in one certain form to two kernels.
        Ascend's surgeon, whose rule KnowledgeBigKernel brings models to it, says that what goes to
        attention and LayerNormalization must have two dims there. See the group ``bert``.

    Rewrites
        Regions of MatMul by a matrix, LayerNormalization or its parts, sums with a bias or a
        residual, and activations, all over the last of three axes. A tensor that enters a region
        is reshaped to [-1, H] and one that leaves it is reshaped back. A Reshape that stood there,
        to and from the heads of the attention, goes all the way. Sizes of symbolic dims are taken
        to be at least 1.

    Leaves alone
        A region with a single product. A sum with something that differs from token to token and
        not from batch to batch, such as positions, which is a border. Tensors of an unknown rank
        or width; ``fold-shapes`` may find them.
    """

    name = "attention-2d"
    match_ops = (*sorted(OPERATORS), "Reshape")
    contract = Exact()
    reads_shapes = True

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class."""
        return judged_as_a_whole(super().run(model, context))

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Let the node work on matrices, with three dims behind it for those that need them."""
        plan = _plan(node, rw)
        row = plan.regions.rows.get(node)
        if row is None:
            return _leave(node, plan, rw) if node.op_type == "Reshape" else _why_not(node, rw)
        if plan.regions.products(row) < _WORTHWHILE:
            return rw.skip("a single product gains nothing") if node.op_type == "MatMul" else None
        lead = _lead(row, plan, rw)
        widths = dict(zip(row.rows, row.widths, strict=False))
        inputs = [
            _flat(value, widths[port], plan, rw) if port in widths else _vector(value, rw)
            for port, value in enumerate(node.inputs)
        ]
        flat = _restated(node, inputs, rw)
        back = rw.op("Reshape", flat, _shape((*row.lead, row.widths[-1]), lead, rw))
        plan.flat[back] = flat
        return back


@dataclass(frozen=True)
class _Exit:
    """What a Reshape behind a region does."""

    behind: RowNode
    asked: Dims
    """The numbers that it gets."""
    made: Dims
    """The dims of what it makes."""


@dataclass(frozen=True)
class _Plan:
    """What is known of a graph before anything changes, and what has been made since."""

    regions: Regions
    exits: dict[ir.Node, "_Exit"]
    """Reshapes behind a region."""
    flat: dict[ir.Value, ir.Value] = field(default_factory=dict)
    """The matrix in which a tensor of three dims has its rows."""
    leads: dict[ir.Value, ir.Value] = field(default_factory=dict)
    """The sizes of batch and tokens, by region."""


def _plan(node: ir.Node, rw: Rewriter) -> _Plan:
    graph = node.graph
    assert graph is not None
    known = rw.memory.get(graph)
    if not isinstance(known, _Plan):
        regions = Regions(graph, rw)
        rw.memory[graph] = known = _Plan(regions, _exits(graph, regions, rw))
    return known


def _exits(graph: ir.Graph | ir.Function, regions: Regions, rw: Rewriter) -> dict[ir.Node, _Exit]:
    found = {}
    for node in graph:
        data = node.inputs[0] if node.op_type == "Reshape" and len(node.inputs) > 1 else None
        maker = None if data is None else data.producer()
        row = None if maker is None else regions.rows.get(maker)
        made = rw.facts.dims(node.outputs[0]) if row is not None else None
        shape = rw.facts.value(node.inputs[1]) if made is not None else None
        asked = tuple(size for size in shape.sizes if size is not None) if shape else ()
        if row is not None and made is not None and shape and len(asked) == len(shape.sizes):
            found[node] = _Exit(row, asked, made)
    return found


def _why_not(node: ir.Node, rw: Rewriter) -> Skip | None:
    if node.op_type != "MatMul" or len(rw.facts.dims(node.inputs[1]) or ()) != 2:
        return None
    data = node.inputs[0]
    dims = rw.facts.dims(data)
    if data is None or (dims is not None and len(dims) != 3):
        return None
    what = "rank" if dims is None else "width"
    return rw.skip(f"the {what} of {data.name!r} is not known, or that of the weights")


def _lead(row: RowNode, plan: _Plan, rw: Rewriter) -> ir.Value | None:
    """The sizes of batch and tokens as a value, where -1 cannot stand for those not known."""
    if sum(not isinstance(size, int) for size in row.lead) < 2:
        return None
    root = plan.regions.root(row.node.outputs[0])
    known = plan.leads.get(root)
    if known is None or _gone(known):
        source = row.node.inputs[row.rows[0]]
        plan.leads[root] = known = rw.op("Gather", rw.op("Shape", source), rw.const([0, 1]), axis=0)
    return known


def _gone(value: ir.Value) -> bool:
    maker = value.producer()
    return maker is not None and maker.graph is None


def _flat(value: ir.Value | None, width: int, plan: _Plan, rw: Rewriter) -> ir.Value:
    """The rows of a tensor as a matrix."""
    assert value is not None
    known = plan.flat.get(value)
    if known is not None and not _gone(known):
        return known
    reshape = rw.producer(value, "Reshape")
    source = value if reshape is None else reshape.inputs[0]
    dims = rw.facts.dims(source) or ()
    if source is not None and len(dims) == 2 and dims[-1] == width:
        return source
    plan.flat[value] = flat = rw.op("Reshape", source, rw.const([-1, width]))
    return flat


def _vector(value: ir.Value | None, rw: Rewriter) -> ir.Value | None:
    """A constant of one row with three dims as a vector; weights and vectors as they are."""
    array = rw.constant(value) if len(rw.facts.dims(value) or ()) > 2 else None
    return value if array is None else rw.const(array.reshape(-1))


def _restated(node: ir.Node, inputs: list[ir.Value | None], rw: Rewriter) -> ir.Value:
    """The node on matrices; the axis that was the third of three is the second of two."""
    changed: dict[str, int | list[int]] = {}
    if node.op_type == "LayerNormalization" and rw.attr_int(node, "axis", -1) > 0:
        changed["axis"] = 1
    if node.op_type.startswith("Reduce") and rw.param_ints(node, "axes", 1) == (2,):
        if "axes" in node.attributes:
            changed["axes"] = [1]
        else:
            inputs[1] = rw.const([1])
    return rw.restate(node, inputs, outputs=1, attributes=changed)[0]


def _leave(node: ir.Node, plan: _Plan, rw: Rewriter) -> ir.Value | None:
    """Let a Reshape behind a region read the matrix."""
    data, shape, known = node.inputs[0], node.inputs[1], plan.exits.get(node)
    flat = None if data is None else plan.flat.get(data)
    if flat is None or known is None:
        return None
    if 0 in known.asked:  # which is the size of the same axis, and that is another one now
        if rw.attr_int(node, "allowzero", 0):
            return None
        lead = plan.leads.get(plan.regions.root(known.behind.node.outputs[0]))
        shape = _shape(known.made, lead if known.made[:2] == known.behind.lead else None, rw)
    return None if shape is None else rw.restate(node, [flat, shape])[0]


def _shape(dims: Dims, lead: ir.Value | None, rw: Rewriter) -> ir.Value | None:
    """A shape for these dims; ``lead`` is the first two. ``None`` when there is no way."""
    known = [size for size in dims if isinstance(size, int)]
    if len(known) + 1 >= len(dims):
        return rw.const([size if isinstance(size, int) else -1 for size in dims])
    rest = [size for size in dims[2:] if isinstance(size, int)]
    if lead is None or len(rest) + 2 < len(dims):
        return None
    return rw.op("Concat", lead, rw.const(rest), axis=0)
