"""The clip-bounds pass on random Clips of all types."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.clip_bounds import ClipBounds
from tests.passes.random_graphs import Grower, hold

TYPES = (np.float32, np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64)


def clips(grow: Grower) -> Sequence[ir.Value]:
    dtype = grow.one_of(*TYPES) if grow.opset >= 12 else np.float32
    floats = np.dtype(dtype).kind == "f"
    numbers = [-np.inf, np.inf, np.nan, 0.0, 2.5, -1.0] if floats else [0, 1, 5, 127]
    value = grow.unary(grow.feed(np.array(numbers).astype(dtype)))
    if grow.opset < 11:
        bounds = {"min": -0.5, "max": 1.0}
        some: dict[str, AttrValue] = {k: v for k, v in bounds.items() if grow.chance(40)}
        return [grow.op("Clip", value, **some)]
    low, high = (grow.const(bound, dtype) if grow.chance(40) else None for bound in (0, 2))
    return [grow.op("Clip", value, low, high)]


def test_whatever_is_clipped() -> None:
    hold(ClipBounds(), clips, least=0.3)
