"""The ``conv-attrs`` pass: what convolutions and pools leave to the runtime, written out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.contract import Exact
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix_passes._known import dims

_WEIGHTED = ("Conv", "ConvTranspose")
_NOT_SET = "NOTSET"


@dataclass(frozen=True, kw_only=True)
class ConvAttrs(RewritePass):
    """Write out kernel_shape, and pads instead of auto_pad and output_shape.

    Why
        ATC stops at a ConvTranspose without ``kernel_shape``, at a Conv that has no attributes, and
        at ``auto_pad`` of a 3-D Conv; it takes SAME_LOWER of a pool for SAME_UPPER, which moves the
        result by a pixel. One ``output_shape`` makes it pad later ConvTransposes differently.

    Rewrites
        Conv, ConvTranspose, AveragePool, LpPool and MaxPool:

        1. ``kernel_shape`` from the shape of the weights.
        2. ``pads`` instead of ``auto_pad``, where the sizes are known or do not matter: they do
           not for VALID, for a stride of 1, and for a ConvTranspose.
        3. ``pads`` and ``output_padding`` of a ConvTranspose instead of ``output_shape``.

    Leaves alone
        A node whose weights have no known shape. A node whose pads depend on a size that is not
        known. An output_shape that is further from the usual one than output_padding reaches. A
        pool with auto_pad and ceil_mode, for which ONNX has no rule. A pool with auto_pad that
        does not reach its last elements, which onnxruntime refuses or shifts. A ConvTranspose with
        auto_pad and output_padding, about which ONNX and onnxruntime differ.
    """

    name = "conv-attrs"
    match_ops = ("AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool")
    contract = Exact()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Sequence[ir.Value] | Skip | None:
        """Restate the node with explicit attributes."""
        kernel = rw.attr_ints(node, "kernel_shape")
        changed: dict[str, Sequence[int]] = {}
        if kernel is None and node.op_type in _WEIGHTED:
            kernel = changed["kernel_shape"] = _weight_sizes(node)
        if not kernel:
            return rw.skip("the shape of its weights is not known")
        padding = _padding(_Window(node, kernel, rw), rw)
        if isinstance(padding, Skip):
            if not changed:
                return padding
            rw.note(f"{padding.reason}, so the pads stay as they are")
        elif padding is not None:
            changed.update(padding)
            return rw.restate(node, drop=("auto_pad", "output_shape"), attributes=changed)
        return rw.restate(node, attributes=changed) if changed else None


def _weight_sizes(node: ir.Node) -> tuple[int, ...]:
    """The spatial sizes of the weights; nothing when one is not known."""
    known = (dims(node.inputs[1]) or ())[2:]
    sizes = tuple(size for size in known if isinstance(size, int))
    return sizes if len(sizes) == len(known) else ()


class _Window:
    """How a window moves over the spatial axes of a node's input."""

    def __init__(self, node: ir.Node, kernel: Sequence[int], rw: Rewriter) -> None:
        ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
        known = dims(node.inputs[0])
        self.node = node
        self.transposed = node.op_type == "ConvTranspose"
        self.sizes = known[2:] if known is not None else (None,) * len(kernel)
        self.strides = rw.attr_ints(node, "strides") or ones
        self.dilations = rw.attr_ints(node, "dilations") or ones
        self.spans = tuple((k - 1) * d + 1 for k, d in zip(kernel, self.dilations, strict=True))
        self.output_padding = rw.attr_ints(node, "output_padding") or zeros
        self.output_shape = rw.attr_ints(node, "output_shape")
        self.auto_pad = rw.attr_str(node, "auto_pad", _NOT_SET)


def _padding(window: _Window, rw: Rewriter) -> Mapping[str, Sequence[int]] | Skip | None:
    """What takes the place of ``auto_pad`` and ``output_shape``; ``None`` when neither is there."""
    if window.transposed and window.output_shape is not None:
        return _to_output_shape(window, rw)
    if window.auto_pad == _NOT_SET:
        return {} if "auto_pad" in window.node.attributes else None
    if rw.attr_int(window.node, "ceil_mode", 0):
        return rw.skip("ONNX has no rule for auto_pad together with ceil_mode")
    rank = len(window.spans)
    if window.auto_pad == "VALID":
        return {"pads": (0,) * (2 * rank)}
    if any(window.output_padding):
        return rw.skip("ONNX and onnxruntime differ about auto_pad together with output_padding")
    totals = _totals(window)
    if None in totals:
        axis = totals.index(None) + 2
        return rw.skip(f"the size of axis {axis} is not known, and its pads depend on it")
    needed = [total or 0 for total in totals]
    if min(needed) < 0 and window.node.op_type not in _WEIGHTED:
        return rw.skip("onnxruntime has no pads for a pool that does not reach its last elements")
    return _distributed(window, needed)


def _totals(window: _Window) -> list[int | None]:
    """What SAME pads in all: the output has ceil(size / stride) elements.

    From the definition of ``auto_pad`` in ONNX's Conv and pools. The output of a ConvTranspose has
    size * stride elements, or as many as there are without pads when that is less.
    """
    totals: list[int | None] = []
    for size, stride, span in zip(window.sizes, window.strides, window.spans, strict=True):
        if window.transposed:
            totals.append(max(span - stride, 0))
        elif stride == 1:
            totals.append(span - 1)
        elif isinstance(size, int):
            totals.append((-(-size // stride) - 1) * stride + span - size)
        else:
            totals.append(None)
    return totals


def _to_output_shape(window: _Window, rw: Rewriter) -> Mapping[str, Sequence[int]] | Skip:
    """The total is stride * (size - 1) + extra + span - output (ONNX, ConvTranspose)."""
    totals: list[int] = []
    assert window.output_shape is not None
    wanted = window.output_shape[-len(window.spans) :]
    for axis, size in enumerate(window.sizes):
        if not isinstance(size, int):
            return rw.skip(f"the size of axis {axis + 2} is not known, and its pads depend on it")
        full = window.strides[axis] * (size - 1) + window.spans[axis]
        totals.append(full + window.output_padding[axis] - wanted[axis])
    return _distributed(window, totals)


def _distributed(window: _Window, totals: Sequence[int]) -> Mapping[str, Sequence[int]] | Skip:
    """Half of each total on either side, the odd one as ``auto_pad`` says.

    A ConvTranspose that is to be larger gets more ``output_padding``.
    """
    pads = [max(total, 0) for total in totals]
    large = [pad - pad // 2 for pad in pads]
    small = [pad // 2 for pad in pads]
    upper = window.auto_pad == "SAME_UPPER"
    found = {"pads": (*small, *large) if upper else (*large, *small)}
    if not window.transposed:
        return found
    extra = [old + max(-total, 0) for old, total in zip(window.output_padding, totals, strict=True)]
    limits = map(max, window.strides, window.dilations)
    if any(size >= limit for size, limit in zip(extra, limits, strict=True) if size):
        return Skip("output_padding, which must be less than the stride, cannot reach its size")
    if tuple(extra) != window.output_padding:
        found["output_padding"] = tuple(extra)
    return found
