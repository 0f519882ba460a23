"""The ``fold-constants`` pass: what depends on constants alone, computed now."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

import onnx_ir as ir

from graphfix.contract import Close, Contract, Exact
from graphfix.errors import ModelError
from graphfix.folding import Region, Tensors, compute, known_tensor, runnable
from graphfix.rewrite import (
    PassContext,
    PassResult,
    Rewrite,
    RewritePass,
    Rewriter,
    Skip,
    constant_tensor,
    scopes,
)
from graphfix.rewrite.marks import draws
from graphfix.rewrite.subgraphs import subgraphs_of_node

_STANDARD: Final = ("", "ai.onnx")
_ROUNDS: Final = 8
"""Sizes that depend on computed numbers are known a round later."""
_TOGETHER: Final = 16
"""All tensors together may grow by so many times what one of them may."""
_NEGLIGIBLE: Final = 1024
"""Growth by less than this part of what is allowed is not counted."""
_SELECTING: Final = ("Compress", "NonZero", "Unique")
"""Operators whose outputs have at most one int64 for each element and axis of the input."""
_DIVIDING: Final = ("Div", "Mod")
_MOVING: Final = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that only give the same numbers other dims."""
_SAME_EVERYWHERE: Final = frozenset({
    "Abs", "Add", "Cast", "Ceil", "Clip", "Compress", "Concat", "ConstantOfShape", "DepthToSpace",
    "DequantizeLinear", "Div", "Expand", "EyeLike", "Flatten", "Floor", "Gather",
    "GatherElements", "GatherND", "Identity", "Max", "Min", "Mul", "Neg", "NonZero", "OneHot",
    "Pad", "QuantizeLinear", "Range", "Reciprocal", "Relu", "Reshape", "Round", "ScatterElements",
    "ScatterND", "Sign", "Slice", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Tile",
    "TopK", "Transpose", "Trilu", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators that move numbers, or round each result once: any number of threads gives the same."""


@dataclass(frozen=True, kw_only=True)
class FoldConstants(RewritePass):
    """Replace what is computed from constants alone by the result.

    Why
        Exporters write masks, anchors, position tables and transposed weights as the nodes that
        make them, and the device would compute them in every run, int64 on its CPU.

    Rewrites
        Nodes of the default domain whose inputs are constants, or results of such nodes, in the
        main graph and in subgraphs. onnxruntime computes all of them in one session, as it would in
        the model. A weight in another order or with other dims stays where its numbers are.

    Leaves alone
        1. Operators that draw random numbers, Dropout, nodes that hold subgraphs, and bodies of
           functions. Initializers that are also inputs.
        2. A tensor that is larger than the constants it takes the place of by more than ``limit``.
           All tensors that are larger, when they are so by more than sixteen times as much.
        3. Results whose size nobody knows beforehand, and what onnxruntime does not run. A division
           of integers by zero, and what makes that zero.
        4. DequantizeLinear, unless ``dequantize`` is given.

    Numerics
        Only sums, whose order may depend on the number of threads, and functions such as Exp can
        differ in the last bits; everything else is exact.

    Options
        limit       bytes
        dequantize  makes a quantised weight four times as large
    """

    name = "fold-constants"
    match_ops = ()
    contract = Exact()
    must_match = False

    limit: int = 16 * 2**20
    """Bytes by which a tensor may be larger than the constants that it takes the place of."""
    dequantize: bool = False
    """Fold DequantizeLinear, too, so that quantised weights become floats."""

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ValueError(f"limit={self.limit} is a number of bytes, so not negative")

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class; in most models there is nothing to do, which shows without visits."""
        if _Folding(model, self).is_idle:
            return PassResult(model, self.contract, observed=True)
        return super().run(model, context)

    def matches(self, node: ir.Node) -> bool:
        """Nodes that compute something, as far as it shows."""
        return node.domain in _STANDARD and node.op_type != "Constant"

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Put constants in the place of what others read of a folded node."""
        plan: _Plan | None = rw.memory.get(_Plan)
        if plan is None:
            plan = rw.memory[_Plan] = _Folding(rw.model, self).plan()
        if node in plan.refused:
            return plan.refused[node]
        if node not in plan.folded:
            return None
        read = [value for value in node.outputs if _is_read_outside(value, plan.folded)]
        if any(_is_zero_divisor(value, plan.tensors[value]) for value in read):
            return rw.skip("it makes a 0 that integers are divided by")
        if any(value in plan.inexact for value in read):
            rw.promise(Close())
        return {value: rw.tensor(plan.tensors[value]) for value in read} or None

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact, unless a sum or a function of floats was folded."""
        return next((r.contract for r in rewrites if r.contract is not None), self.contract)


@dataclass
class _Plan:
    """What to fold, for the whole model."""

    tensors: Tensors = field(default_factory=dict)
    folded: set[ir.Node] = field(default_factory=set)
    refused: dict[ir.Node, Skip] = field(default_factory=dict)
    inexact: set[ir.Value] = field(default_factory=set)


class _Folding:
    """Finds what can be folded, in rounds: sizes first, then numbers, which tell further sizes."""

    def __init__(self, model: ir.Model, options: FoldConstants) -> None:
        self._model = model
        self._options = options
        self._plan = _Plan()
        self._candidates = list(self._find())
        self._inside = set(self._candidates)
        self._credit = self._vanishing()
        """Bytes of the constants that go when all candidates are folded."""

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to fold, nor to say about it."""
        return not (self._candidates or self._plan.refused)

    def plan(self) -> _Plan:
        """What to fold, and what not."""
        waiting, progress = self._candidates, True
        for _ in range(_ROUNDS):
            waiting = runnable(waiting, self._plan.tensors)
            if not (waiting and progress):
                break
            waiting, progress = self._round(waiting)
        for node in waiting:
            if all(_is_known(value, self._plan.tensors) for value in node.inputs):
                reason = "the size of its result is not known before it is computed"
                self._plan.refused[node] = Skip(reason)
        return self._plan

    def _find(self) -> Iterator[ir.Node]:
        """The nodes with constant inputs, makers before readers."""
        made: set[ir.Value] = set()
        for scope in scopes(self._model):
            if isinstance(scope, ir.Function):
                return  # what follows is in functions, too
            for node in scope:
                if not _is_foldable(node, made):
                    continue
                if node.op_type == "DequantizeLinear" and not self._options.dequantize:
                    reason = "quantised weights stay so; fold-constants{dequantize} folds them"
                    self._plan.refused[node] = Skip(reason, satisfied=True)
                    continue
                made.update(node.outputs)
                yield node

    def _vanishing(self) -> dict[ir.Value, int]:
        read = {value for node in self._candidates for value in node.inputs if value is not None}
        return {
            value: tensor.nbytes
            for value in read
            if (tensor := constant_tensor(value)) is not None
            and not _is_read_outside(value, self._inside)
        }

    def _round(self, waiting: list[ir.Node]) -> tuple[list[ir.Node], bool]:
        """Fold what has a known size; return the rest, and whether anything was folded."""
        plan = self._plan
        region = Region(waiting, plan.tensors, self._model.graph.opset_imports)
        later: list[ir.Node] = []
        growth: dict[ir.Node, int] = {}
        made: set[ir.Value] = set()
        for node in waiting:
            try:
                size = self._size(node, region) if self._is_next(node, made, region) else None
            except ModelError as error:
                plan.refused[node] = Skip(str(error))
                break
            if size is None:
                later.append(node)
            elif (refusal := self._refusal(node, region)) is not None:
                plan.refused[node] = Skip(refusal)
            elif (more := self._growth(node, size)) > self._options.limit:
                plan.refused[node] = Skip(_too_large(size, more, self._options.limit))
            else:
                growth[node] = more
                made.update(node.outputs)
        self._refuse_many(growth)
        ready = runnable((node for node in growth if node not in plan.refused), plan.tensors)
        self._fold(ready, region)
        return later, bool(ready)

    def _refuse_many(self, growth: Mapping[ir.Node, int]) -> None:
        """Refuse all that grow if they grow too much together: the next run must do the same."""
        limit = self._options.limit
        large = {node: more for node, more in growth.items() if more > limit // _NEGLIGIBLE}
        if sum(large.values()) <= _TOGETHER * limit:
            return
        reason = (
            f"what it and {len(large) - 1} other nodes make would grow by more than {_TOGETHER} "
            f"times the limit; fold-constants{{limit=...}} allows more than {limit:,} for each"
        )
        self._plan.refused.update((node, Skip(reason)) for node in large)

    def _is_next(self, node: ir.Node, made: set[ir.Value], region: Region) -> bool:
        """Whether all that the node reads is known or made before it, a divisor known."""
        tensors = self._plan.tensors
        if not all(value in made or _is_known(value, tensors) for value in node.inputs):
            return False
        divisor = _divisor(node)
        return divisor is None or _is_known(divisor, tensors) or not _is_whole(divisor, region)

    def _size(self, node: ir.Node, region: Region) -> int | None:
        """The bytes of all outputs, or the most that they can be."""
        first = node.inputs[0]
        if node.op_type in _SELECTING and first is not None:
            dims = region.dims(first)
            return None if dims is None else 8 * prod(dims) * max(1, len(dims)) * len(node.outputs)
        sizes = [region.nbytes(value) for value in node.outputs if value.name]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def _refusal(self, node: ir.Node, region: Region) -> str | None:
        """Why the node cannot be computed."""
        divisor = _divisor(node)
        if divisor is None or not _is_whole(divisor, region):
            return None
        tensor = known_tensor(divisor, self._plan.tensors)
        return None if tensor is None or tensor.numpy().all() else "it divides by the integer 0"

    def _growth(self, node: ir.Node, size: int) -> int:
        """By how many bytes the results are larger than the constants that go with the node."""
        going = sum(self._credit.pop(value, 0) for value in node.inputs if value is not None)
        if not any(_is_read_outside(value, self._inside) for value in node.outputs):
            self._credit.update(dict.fromkeys(node.outputs[:1], size))
        return max(0, size - going)

    def _fold(self, ready: Collection[ir.Node], region: Region) -> None:
        plan = self._plan
        for node in ready:
            moved = _moved(node, region, plan.tensors)
            if moved is not None:
                plan.tensors[node.outputs[0]] = moved
                plan.folded.add(node)
        rest = [node for node in ready if node not in plan.folded]
        done = compute(rest, plan.tensors, self._model.graph.opset_imports)
        plan.folded |= done.done
        for node, message in done.failed.items():
            plan.refused[node] = Skip(f"onnxruntime does not compute it: {message}")
        for node in ready:
            sums = node.op_type not in _SAME_EVERYWHERE
            if sums or not plan.inexact.isdisjoint(v for v in node.inputs if v is not None):
                plan.inexact.update(node.outputs)


def _too_large(size: int, more: int, limit: int) -> str:
    return (
        f"its result has {size:,} bytes, {more:,} more than the constants it would take the place "
        f"of; fold-constants{{limit=...}} allows more than {limit:,}"
    )


def _is_foldable(node: ir.Node, made: Container[ir.Value]) -> bool:
    given = None
    for value in node.inputs:
        if value is not None:
            if value not in made and not _is_constant(value):
                return False  # as for almost all nodes
            given = value
    if given is None or node.domain not in _STANDARD:
        return False
    if node.op_type in ("Constant", "Dropout") or draws(node):
        return False
    if node.op_type == "Identity" and given not in made:
        return False  # it is read as the constant it repeats
    return not any(subgraphs_of_node(node))


def _is_constant(value: ir.Value) -> bool:
    tensor = constant_tensor(value)
    return tensor is not None and tensor.dtype != ir.DataType.STRING


def _is_known(value: ir.Value | None, tensors: Tensors) -> bool:
    return value is None or known_tensor(value, tensors) is not None


def _divisor(node: ir.Node) -> ir.Value | None:
    return node.inputs[1] if node.op_type in _DIVIDING and len(node.inputs) > 1 else None


def _is_whole(value: ir.Value, region: Region) -> bool:
    """Whether the numbers are integers, or of a type that nobody knows."""
    dtype = region.dtype(value)
    return dtype is None or dtype.is_integer()


def _is_read_outside(value: ir.Value, nodes: Container[ir.Node]) -> bool:
    return value.is_graph_output() or any(use.node not in nodes for use in value.uses())


def _is_zero_divisor(value: ir.Value, tensor: ir.TensorProtocol) -> bool:
    """Whether onnxruntime would refuse the model if ``value`` was a constant."""
    if not any(use.node.op_type in _DIVIDING and use.idx == 1 for use in value.uses()):
        return False
    return tensor.dtype.is_integer() and not tensor.numpy().all()


def _moved(node: ir.Node, region: Region, tensors: Tensors) -> ir.TensorProtocol | None:
    """The result of an operator that only moves numbers, as a view on them."""
    data = node.inputs[0]
    if data is None or node.op_type not in (*_MOVING, "Transpose"):
        return None
    tensor, dims = known_tensor(data, tensors), region.dims(node.outputs[0])
    if tensor is None or dims is None:
        return None
    array = tensor.numpy()
    if node.op_type == "Transpose":
        order = node.attributes.get("perm")
        array = array.transpose(None if order is None else order.as_ints())
    else:
        array = array.reshape(dims)
    return ir.Tensor(array, dtype=tensor.dtype)
