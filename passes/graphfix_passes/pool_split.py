"""The ``pool-split`` pass: windows that are too large for the device, in several steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes._known import dims

_Step = tuple[int, int]
"""The window and the stride of a pool along one axis."""


@dataclass(frozen=True, kw_only=True)
class PoolSplit(RewritePass):
    """Split MaxPool and AveragePool with a large window or stride into smaller pools.

    Why
        The AI Core's kernels take windows of 255 elements and strides of 63. ATC sends larger ones
        to the AI CPU, some with the padding counted or ``ceil_mode`` forgotten.

    Rewrites
        1. A window as large as the input becomes a GlobalMaxPool or GlobalAveragePool.
        2. A window of two axes becomes a pool over the first and one over the second: the largest
           of the largest, the mean of the means. Pads, ``ceil_mode`` and dilations concern each
           axis by itself.
        3. A side or a stride that is still too large is divided by a common factor: first blocks of
           that size, then as many of these. A stride alone is divided, too.

    Leaves alone
        Pools of three axes, for which other kernels exist. A side and a stride without a common
        factor; one that needs several steps together with ``ceil_mode``, with SAME padding, with
        pads as large as the blocks, with dilations, or with a mean that leaves pads out. The
        indices of a MaxPool.

    Numerics
        Means are added in another order and divided in between. A largest number that is zero may
        have another sign.
    """

    name = "pool-split"
    match_ops = ("AveragePool", "MaxPool")
    contract = Close()
    must_match = False
    reads_shapes = True

    area: int = 255
    """The most elements a window may have."""
    side: int = 255
    """The most elements a window may have along one axis."""
    stride: int = 63
    """The largest stride."""

    def rewrite(
        self, node: ir.Node, rw: Rewriter
    ) -> ir.Value | Sequence[ir.Value | None] | Skip | None:
        """Split one pool."""
        kernel = rw.attr_ints(node, "kernel_shape")
        if not kernel or len(kernel) > 2:
            return None
        strides = rw.attr_ints(node, "strides") or (1,) * len(kernel)
        if self._fits(kernel) and max(strides) <= self.stride:
            return None
        if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
            return rw.skip("the indices of the MaxPool are read")
        if _covers_all(node, kernel, rw):
            op_type = f"Global{node.op_type}"
            made = rw.restate(node, op_type=op_type, outputs=1, drop=tuple(node.attributes))
            return [made[0], *(None for _ in node.outputs[1:])]
        axes = [self._steps(k, s) for k, s in zip(kernel, strides, strict=True)]
        for axis, steps in enumerate(axes):
            if steps is None:
                size = f"a window of {kernel[axis]} and a stride of {strides[axis]}"
                return rw.skip(f"{size} have no common factor that makes them small enough")
            if len(steps) > 1 and (reason := _obstacle(node, axis, steps, rw)):
                return rw.skip(reason)
        value = self._pools(node, [steps for steps in axes if steps is not None], rw)
        return [value, *(None for _ in node.outputs[1:])]

    def _fits(self, kernel: Sequence[int]) -> bool:
        return prod(kernel) <= self.area and max(kernel) <= self.side

    def _steps(self, window: int, stride: int) -> list[_Step] | None:
        """Smaller steps that lead to the same windows; ``None`` when there are none.

        Blocks of ``a`` side by side, ``window / a`` of them at a time, every ``stride / a`` blocks,
        are the windows again. Or the same window every ``a`` elements, of which every
        ``stride / a``-th counts. In both cases the number of windows is the same, as
        floor(floor(n / a) / b) is floor(n / (a b)).
        """
        if self._fits((window,)) and stride <= self.stride:
            return [(window, stride)]
        for factor in range(min(self.area, self.side, self.stride, stride), 1, -1):
            if stride % factor:
                continue
            if window % factor == 0:
                first, rest = (factor, factor), self._steps(window // factor, stride // factor)
            elif self._fits((window,)):
                first, rest = (window, factor), self._steps(1, stride // factor)
            else:
                continue
            if rest is not None:
                return [first, *rest]
        return None

    def _pools(self, node: ir.Node, axes: Sequence[Sequence[_Step]], rw: Rewriter) -> ir.Value:
        """One pool after the other; the first one along an axis has its pads and dilations."""
        value = node.inputs[0]
        for level, steps in enumerate(zip_longest(*axes, fillvalue=(1, 1))):
            together = self._fits([window for window, _ in steps])
            for chosen in [range(len(axes))] if together else [[k] for k in range(len(axes))]:
                pool = [step if k in chosen else (1, 1) for k, step in enumerate(steps)]
                attributes = _attributes(node, chosen, rw) if level == 0 else {}
                value = rw.op(
                    node.op_type,
                    value,
                    kernel_shape=[window for window, _ in pool],
                    strides=[stride for _, stride in pool],
                    domain="",
                    **attributes,
                )
        assert value is not None
        return value


def _covers_all(node: ir.Node, kernel: Sequence[int], rw: Rewriter) -> bool:
    """Whether the one window is the whole input."""
    known = dims(node.inputs[0])
    same = rw.attr_str(node, "auto_pad", "NOTSET").startswith("SAME")
    padded = same or any(rw.attr_ints(node, "pads") or ())
    dilated = any(size != 1 for size in rw.attr_ints(node, "dilations") or ())
    return known is not None and known[2:] == tuple(kernel) and not (padded or dilated)


def _obstacle(node: ir.Node, axis: int, steps: Sequence[_Step], rw: Rewriter) -> str:
    """Why several steps along an axis would not give the same, or empty."""
    if rw.attr_int(node, "ceil_mode", 0):
        return "with ceil_mode, several steps may end with other windows"
    if rw.attr_str(node, "auto_pad", "NOTSET").startswith("SAME"):
        return "what auto_pad adds depends on the whole window; conv-attrs writes it out"
    if all(window == 1 for window, _ in steps[1:]):
        return ""
    dilations, pads = rw.attr_ints(node, "dilations"), rw.attr_ints(node, "pads")
    if dilations is not None and dilations[axis] != 1:
        return "its taps do not lie side by side, but have dilations"
    own = pads[axis :: len(pads) // 2] if pads is not None else (0, 0)
    if max(own) >= steps[0][0]:
        return f"its pads are as large as the blocks of {steps[0][0]} it would be divided into"
    if any(own) and node.op_type == "AveragePool" and not rw.attr_int(node, "count_include_pad", 0):
        return "blocks at the border have fewer elements, as pads do not count"
    return ""


def _attributes(node: ir.Node, chosen: Sequence[int], rw: Rewriter) -> dict[str, AttrValue]:
    """What the node says about the chosen axes, and about all of them."""
    kept: dict[str, AttrValue] = {
        name: node.attributes[name]
        for name in ("auto_pad", "ceil_mode", "count_include_pad")
        if name in node.attributes
    }
    if (pads := rw.attr_ints(node, "pads")) is not None:
        half = len(pads) // 2
        kept["pads"] = [size if k % half in chosen else 0 for k, size in enumerate(pads)]
    if (dilations := rw.attr_ints(node, "dilations")) is not None:
        kept["dilations"] = [size if k in chosen else 1 for k, size in enumerate(dilations)]
    return kept
