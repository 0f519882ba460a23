"""The ``pad-fold`` pass: a Pad inside the convolution or pool behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close, Contract, Exact
from graphfix.rewrite import Rewrite, RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes._pads import amounts

_POOLS = ("AveragePool", "LpPool", "MaxPool")
_VALUE_IS_INPUT_SINCE = 11
_NEVER_NEGATIVE = ("Abs", "Exp", "Relu", "Sigmoid", "Softmax")
_LEAST = {
    dtype: float(np.finfo(dtype.numpy()).min)
    for dtype in (ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE)
}


@dataclass(frozen=True)
class _Padding:
    """What a Pad of constants adds to the spatial axes."""

    begins: tuple[int, ...]
    ends: tuple[int, ...]
    value: float


@dataclass(frozen=True, kw_only=True)
class PadFold(RewritePass):
    """Fold a Pad into the pads of the convolution or pool that reads it.

    Why
        A Pad is a kernel and a copy of the whole tensor; ``pads`` cost nothing. Exports from
        TensorFlow, and networks that pad unevenly, have one in front of every strided Conv.

    Rewrites
        1. Zeros in front of Conv and LpPool.
        2. Zeros in front of AveragePool, which then counts them (``count_include_pad``).
        3. Minus infinity, or the least number of the type, in front of MaxPool, whose own pads
           count as that; also zeros behind Relu or another operator that makes no negative numbers.

    Leaves alone
        Other modes than constant, other values, computed ones, negative pads, pads of batch or
        channels. A padded tensor that something else reads, too. ``auto_pad`` SAME (``conv-attrs``
        writes it out). Pools with ``ceil_mode``, which drops windows that begin in the padding;
        pads as large as the window; an AveragePool that does not count pads of its own; a MaxPool
        of zeros with dilations, whose taps may all lie in the padding; the indices of a MaxPool.

    Numerics
        Pools give the same numbers (those with NaN left aside; a zero behind Relu may change its
        sign), convolutions may add up in another order.
    """

    name = "pad-fold"
    match_ops = ("Conv", *_POOLS)
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Fold what is in front of one node."""
        padded = node.inputs[0]
        pad = rw.producer(padded, "Pad")
        if pad is None or padded is None:
            return None
        if rw.only_reader(padded) is not node:
            return rw.skip("the padded tensor is read elsewhere, too")
        padding = _padding(pad, rw)
        if isinstance(padding, Skip):
            return padding
        if rw.attr_str(node, "auto_pad", "NOTSET").startswith("SAME"):
            return rw.skip("auto_pad depends on the padded size; conv-attrs writes it out")
        count = len(padding.begins)
        own = rw.attr_ints(node, "pads") or (0,) * (2 * count)
        begins = [a + b for a, b in zip(padding.begins, own[:count], strict=True)]
        ends = [a + b for a, b in zip(padding.ends, own[count:], strict=True)]
        changed: dict[str, AttrValue] = {"pads": (*begins, *ends)}
        if node.op_type == "AveragePool" and any(padding.begins + padding.ends):
            if any(own) and not rw.attr_int(node, "count_include_pad", 0):
                return rw.skip("the pool does not count its own pads, but those of the Pad")
            changed["count_include_pad"] = 1
        reason = _obstacle(node, pad, padding, max(*begins, *ends), rw)
        if reason:
            return rw.skip(reason)
        same = node.op_type in _POOLS and (node.op_type != "MaxPool" or padding.value != 0)
        rw.promise(Exact() if same else Close())
        inputs = [pad.inputs[0], *node.inputs[1:]]
        return rw.restate(node, inputs, drop=("auto_pad",), attributes=changed)

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """Exact where every site is."""
        return Exact() if all(r.contract == Exact() for r in rewrites) else Close()


def _padding(pad: ir.Node, rw: Rewriter) -> _Padding | Skip:
    """What a Pad does, when it pads the spatial axes with a constant."""
    mode = rw.attr_str(pad, "mode", "constant")
    if mode != "constant":
        return rw.skip(f"the Pad has mode={mode}")
    added = amounts(pad, rw)
    if isinstance(added, Skip):
        return added
    value = rw.input(pad, 2)
    number = rw.scalar(value) if value is not None else 0.0
    if rw.opset < _VALUE_IS_INPUT_SINCE:
        number = rw.attr_float(pad, "value", 0.0)
    if number is None:
        return rw.skip("what the Pad adds is computed")
    begins, ends = added
    if min(*begins, *ends) < 0:
        return rw.skip("the Pad cuts something off")
    if any(begins[:2]) or any(ends[:2]):
        return rw.skip("the Pad adds batches or channels")
    return _Padding(begins[2:], ends[2:], float(number))


def _obstacle(node: ir.Node, pad: ir.Node, padding: _Padding, most: int, rw: Rewriter) -> str:
    """Why the pads of the node would mean something else than the Pad, or empty."""
    if node.op_type != "MaxPool":
        if padding.value != 0:
            return f"the Pad adds {padding.value:g}, and {node.op_type} pads with zeros"
    elif padding.value == 0:
        if rw.producer(pad.inputs[0], *_NEVER_NEGATIVE) is None:
            return "the Pad adds zeros, which count more than negative numbers in a MaxPool"
    elif not _is_least(padding.value, pad.inputs[0]):
        return f"the Pad adds {padding.value:g}, and MaxPool pads with what is never the largest"
    if node.op_type == "Conv":
        return ""
    if len(node.outputs) > 1 and (node.outputs[1].uses() or node.outputs[1].is_graph_output()):
        return "the indices of the MaxPool count the padding"
    if rw.attr_int(node, "ceil_mode", 0):
        return "with ceil_mode, windows that begin in the padding would be dropped"
    if any(size != 1 for size in rw.attr_ints(node, "dilations") or ()):
        return "with dilations, a window may lie in the padding with all its taps"
    if most >= min(rw.attr_ints(node, "kernel_shape") or (0,)):
        return "the pads would be as large as the window"
    return ""


def _is_least(number: float, value: ir.Value | None) -> bool:
    """Whether no number of the tensor's type is smaller, minus infinity left aside."""
    dtype = value.dtype if value is not None else None
    if dtype is None or dtype not in _LEAST:
        return number == -np.inf
    return number <= _LEAST[dtype]
