"""The pool3d-to-pool2d pass on random pools."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix.rewrite.rewriter import AttrValue
from graphfix_passes.pool3d_to_pool2d import Pool3dToPool2d
from tests.passes.random_graphs import Grower, hold


def pools(grow: Grower) -> Sequence[ir.Value]:
    x = grow.unary(grow.input((grow.number(1, 2), 2, *(grow.number(3, 6) for _ in range(3)))))
    kernel = [grow.one_of(1, 2, 3) for _ in range(3)]
    attributes: dict[str, AttrValue] = {"kernel_shape": kernel}
    if grow.chance(80):
        attributes["strides"] = [grow.number(1, 3) for _ in range(3)]
    op_type = grow.one_of("MaxPool", "AveragePool")
    if op_type == "AveragePool" and grow.chance(50):
        attributes["count_include_pad"] = 1
    if grow.chance(50):
        attributes["pads"] = [min(grow.number(0, 2), size - 1) for size in (*kernel, *kernel)]
    elif grow.chance(40):
        attributes["auto_pad"] = grow.one_of("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET")
    if grow.opset >= (10 if op_type == "MaxPool" else 19) and grow.chance(10):
        attributes["dilations"] = [grow.number(1, 2) for _ in range(3)]
    if grow.opset >= 10 and grow.chance(40):
        attributes["ceil_mode"] = 1
    if op_type == "MaxPool" and grow.chance(10):
        return list(grow.ops(op_type, x, outputs=2, **attributes))
    return [grow.op(op_type, x, **attributes)]


def test_whatever_is_pooled() -> None:
    hold(Pool3dToPool2d(), pools, examples=30, least=0.2)


def test_a_volume_without_a_batch_is_an_invalid_model() -> None:
    """As torch's older exporter makes it of ``max_pool3d`` of [C, D, H, W], in LPRNet."""
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 11]>
        main (float[1,4,6,6] x) => (float[1,2,4,4] y)
        { y = MaxPool <kernel_shape = [1, 3, 3], strides = [2, 1, 1]> (x) }
        """
    )
    (skip,) = Pool3dToPool2d().run(model, PassContext()).skips
    assert skip.reason == (
        "its window has 3 axes and its input 4 dims, which nothing runs; give it a batch before "
        "the export"
    )
