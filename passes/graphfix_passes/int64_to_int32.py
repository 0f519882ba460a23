"""The ``int64-to-int32`` pass: arithmetic on indices and sizes in the type the device has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from graphfix.contract import Contract, InRange
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix.rewrite.bounds import Interval, limits
from graphfix_passes._known import derived_bound
from graphfix_passes._retype import Variable, cast_doubt, doubt, follows, retype, variables

_WIDE, _NARROW = ir.DataType.INT64, ir.DataType.INT32
_LOW, _HIGH = limits(_NARROW)
_FIRST, _LAST = limits(_WIDE)

_COMPUTES: Final = frozenset(
    {
        "Abs", "Add", "ArgMax", "ArgMin", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor",
        "Clip", "CumSum", "Div", "Equal", "Expand", "Greater", "GreaterOrEqual", "Less",
        "LessOrEqual", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Pow", "Range",
        "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "ScatterND", "Sign", "Sub",
        "Tile", "TopK", "Where",
    }
)  # fmt: skip
"""Their results are the same in int32 while they fit, also where sums in between do not: integers
wrap around."""

_FOLLOWS: Final = frozenset(
    {
        "Cast", "Compress", "Concat", "DepthToSpace", "Flatten", "Gather", "GatherElements",
        "GatherND", "Identity", "Pad", "Reshape", "ScatterElements", "Slice", "SpaceToDepth",
        "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""They move elements, or read them as indices: the device has them for int64, too."""

_SATURATES: Final = {"Clip": (1, 2), "Slice": (1, 2)}
"""Inputs whose numbers beyond int32 mean the same as its ends: no limit, up to the end."""


@dataclass(frozen=True, kw_only=True)
class Int64ToInt32(RewritePass):
    """Compute on int32 instead of int64, with Casts where ONNX wants int64.

    Why
        On the 310P many kernels of the AI Core take no int64: Sub, Div, Less, Maximum, Where. They
        run on the AI CPU, and where that has none either (Maximum), ATC stops. The scripts that
        change the type of every tensor leave a model that is not ONNX any more.

    Rewrites
        1. Arithmetic, comparisons, reductions, Where, Expand, Tile, TopK and others: their int64
           inputs and outputs become int32. What one node hands to the next goes without a Cast;
           constants, ConstantOfShape and Casts to int64 give int32 at once.
        2. Nodes that move elements or look them up (Concat, Gather, Slice ...) follow when what
           they read is int32 already.

    Leaves alone
        What ONNX declares int64: shapes, axes, TopK's number, the results of Shape and ArgMax,
        graph inputs and outputs; a Cast stands between. A constant, or a bound that follows from
        the graph, beyond int32, and what is computed with it. A node in a subgraph or a function,
        whose numbers nobody watches. With ``proven``, every value without a bound. (The ends of
        int64 as an end of Slice or Clip become those of int32, which mean the same.)

    Numerics
        The same integers while all of them fit. The numbers of every run are looked at, and one
        that does not fit fails the pass.
    """

    name = "int64-to-int32"
    match_ops = tuple(sorted(_COMPUTES | _FOLLOWS))
    contract = InRange()
    must_match = False
    reads_shapes = True

    proven: bool = False
    """Only where bounds that follow from the graph prove that every number fits."""

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip | None:
        """Restate the node in int32."""
        wide = [v for v in variables(node, rw) if v.dtype == _WIDE and v.allows(_NARROW)]
        if node.graph is not rw.model.graph:
            inside = "it is in a subgraph or a function, where nobody sees whether its numbers fit"
            return rw.skip(inside) if any(_wants(node, v) for v in wide) else None
        chosen = [v for v in wide if _wants(node, v) or follows(node, v, _NARROW, rw)]
        reason = doubt(node, wide, rw) or _too_large(node, wide, rw)
        if reason := reason or self._obstacle(node, chosen, rw):
            fits = [v for v in node.outputs if derived_bound(v, rw).within(_LOW, _HIGH)]
            cast_doubt(node, wide, rw, but=fits)
            return rw.skip(reason) if chosen else None
        if not chosen:
            return None
        narrowed = rw.memory.setdefault("narrowed", [])
        return retype(node, chosen, _NARROW, rw, lambda new, old: narrowed.append((new, old.name)))

    def _obstacle(self, node: ir.Node, chosen: Sequence[Variable], rw: Rewriter) -> str:
        """Which value may not fit by its bounds, or empty."""
        for variable in chosen:
            inputs = [node.inputs[port] for port in variable.inputs]
            computed = [value for value in inputs if value and rw.constant(value) is None]
            for value in (*computed, *(node.outputs[port] for port in variable.outputs)):
                if reason := self._unbounded(value, derived_bound(value, rw)):
                    return reason
        return ""

    def _unbounded(self, value: ir.Value, bound: Interval) -> str:
        for end in (bound.low, bound.high):
            if _FIRST < end < _LAST and not _LOW <= end <= _HIGH:
                return f"{value.name!r} may be {int(end)}, which int32 does not hold"
        if self.proven and not bound.within(_LOW, _HIGH):
            return f"nothing proves that {value.name!r} fits"
        return ""

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Which values to look at: those that are still there."""
        return InRange(
            {
                str(new.name): old
                for new, old in rw.memory["narrowed"]
                if (producer := new.producer()) is not None and producer.graph is not None
            }
        )


def _wants(node: ir.Node, variable: Variable) -> bool:
    """Whether the node is better off in int32 for this variable's sake: the data it works on."""
    return node.op_type in _COMPUTES and variable.name == "T"


def _too_large(node: ir.Node, wide: Sequence[Variable], rw: Rewriter) -> str:
    """Which number of a constant int32 does not hold, or empty."""
    for variable in wide:
        for port in set(variable.inputs) - set(_SATURATES.get(node.op_type, ())):
            array = rw.constant(node.inputs[port])
            if array is None:
                continue
            for end in (int(array.min(initial=0)), int(array.max(initial=0))):
                if not _LOW <= end <= _HIGH:
                    return f"it reads the constant {end}, which int32 does not hold"
    return ""
