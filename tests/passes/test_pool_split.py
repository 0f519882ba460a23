"""The pool-split pass on random pools, with small limits."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.pool_split import PoolSplit
from tests.passes.random_graphs import Grower, hold


def pools(grow: Grower) -> Sequence[ir.Value]:
    rank = grow.one_of(1, 2)
    sizes = [grow.number(6, 13) for _ in range(rank)]
    x = grow.input((1, 2, *sizes))
    kernel = sizes if grow.chance(10) else [grow.number(1, 6) for _ in range(rank)]
    strides = [size if grow.chance(40) else grow.number(1, 6) for size in kernel]
    attributes: dict[str, AttrValue] = {"kernel_shape": kernel, "strides": strides}
    op_type = grow.one_of("MaxPool", "AveragePool")
    if op_type == "AveragePool" and grow.chance(50):
        attributes["count_include_pad"] = 1
    if grow.chance(50):
        attributes["pads"] = [min(grow.number(0, 2), size - 1) for size in (*kernel, *kernel)]
    elif grow.chance(30):
        attributes["auto_pad"] = grow.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
    if grow.opset >= (10 if op_type == "MaxPool" else 19) and grow.chance(20):
        attributes["dilations"] = [grow.number(1, 2) for _ in range(rank)]
    if grow.opset >= 10 and grow.chance(20):
        attributes["ceil_mode"] = 1
    if op_type == "MaxPool" and grow.chance(10):
        return list(grow.ops(op_type, x, outputs=2, **attributes))
    return [grow.op(op_type, x, **attributes)]


def test_whatever_is_too_large() -> None:
    hold(PoolSplit(area=8, side=4, stride=3), pools, examples=60, least=0.2)
