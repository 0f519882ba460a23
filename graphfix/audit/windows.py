"""The sliding windows of convolutions and pools."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.audit.reading import ints, text
from graphfix.audit.view import View

SAME = ("SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Window:
    """How a window moves; all tuples have one number per spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    """Padding before the first element; zeros where ``auto_pad`` decides."""
    ends: tuple[int, ...]
    auto_pad: str
    sizes: tuple[int | None, ...]
    """Spatial sizes of the input."""

    @property
    def covered(self) -> tuple[int, ...]:
        """From the first to the last element that one position of the window touches."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return tuple((kernel - 1) * dilation + 1 for kernel, dilation in pairs)

    def same_padding(self) -> tuple[int | None, ...]:
        """What SAME_UPPER and SAME_LOWER pad in all (ONNX: operator MaxPool, ``auto_pad``)."""
        axes = zip(self.sizes, self.covered, self.strides, strict=True)
        return tuple(
            None
            if size is None
            else max((math.ceil(size / stride) - 1) * stride + covered - size, 0)
            for size, covered, stride in axes
        )

    def rounding_matters(self) -> bool:
        """Whether ``ceil_mode`` adds a position; not where a size is not known.

        A position that would begin behind the input and its first padding is left out (onnx:
        defs/nn/defs.cc, convPoolShapeInference).
        """
        axes = zip(self.sizes, self.covered, self.strides, self.begins, self.ends, strict=True)
        return any(
            size is not None and _next_start(size + begin + end, covered, stride) < size + begin
            for size, covered, stride, begin, end in axes
        )


def _next_start(room: int, covered: int, stride: int) -> int:
    """Where the window would begin that does not fit any more; ``room`` if all of them fit."""
    if (room - covered) % stride == 0:
        return room
    return ((room - covered) // stride + 1) * stride


def too_large(window: Window) -> str:
    """What of a window over one or two dims the AI Core does not take; empty when it takes it.

    The bounds are those of ATC's plugins (hicann/ops-nn: max_pool_onnx_plugin.cpp).
    """
    if len(window.kernel) > 2:
        return ""
    reasons = []
    if math.prod(window.kernel) > 255:
        reasons.append("a window of " + " x ".join(map(str, window.kernel)))
    if max(window.strides) > 63:
        reasons.append(f"a stride of {max(window.strides)}")
    return " and ".join(reasons)


def window(node: ir.Node, view: View, kernel: Sequence[int] | None = None) -> Window | None:
    """The window of a node by its attributes; ``None`` when they do not fit together."""
    kernel = ints(node, "kernel_shape") or kernel
    if not kernel or min(kernel) < 1:
        return None
    rank = len(kernel)
    strides = ints(node, "strides") or (1,) * rank
    dilations = ints(node, "dilations") or (1,) * rank
    pads = ints(node, "pads") or (0,) * (2 * rank)
    shape = view.shape(view.input(node, 0))
    sizes = (None,) * rank if shape is None else shape[2:]
    lengths = {len(strides), len(dilations), len(sizes), len(pads) / 2}
    if lengths != {rank} or min(*strides, *dilations, 1) < 1:
        return None
    auto_pad = text(node, "auto_pad", "NOTSET")
    if auto_pad != "NOTSET":
        pads = (0,) * (2 * rank)
    return Window(tuple(kernel), strides, dilations, pads[:rank], pads[rank:], auto_pad, sizes)
