"""The no-op pass on random chains of nodes that do nothing, or nearly."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.model import from_text, infer_shapes
from graphfix.rewrite import PassContext
from graphfix_passes.no_op import NoOp
from tests.passes.random_graphs import DType, Grower, hold

_LARGEST = np.iinfo(np.int64).max


def chain(grow: Grower) -> Sequence[ir.Value]:
    shape = grow.shape(min_rank=1)
    dtype = grow.one_of(np.float32, np.float32, np.float16, np.int64)
    value = grow.input(shape, dtype)
    for _ in range(grow.number(1, 4)):
        value = grow.maybe_shared(_step(grow, value, shape, dtype))
    return [value]


def _step(grow: Grower, x: ir.Value, shape: tuple[int, ...], dtype: DType) -> ir.Value:
    rank = len(shape)
    axis = grow.number(-rank, rank - 1)
    match grow.one_of(
        "neutral",
        "transposes",
        "reshape",
        "slice",
        "pad",
        "squeeze",
        "expand",
        "one",
        "mask",
        "real",
    ):
        case "neutral":
            number = grow.one_of(0.0, 1.0)
            dims = grow.one_of((), (1,) * rank, shape, shape[-1:])
            pair = [x, grow.const(np.full(dims, number), dtype)]
            op_type = grow.one_of("Add", "Sub") if number == 0 else grow.one_of("Mul", "Div")
            return grow.op(op_type, *grow.one_of(pair, pair, pair[::-1]))
        case "transposes":
            order = grow.permutation(rank)
            back = tuple(int(k) for k in np.argsort(order))
            return grow.op("Transpose", grow.op("Transpose", x, perm=order), perm=back)
        case "reshape":
            sizes = [grow.one_of(size, 0, -1) for size in shape]
            sizes = [k if k != -1 or -1 not in sizes[:i] else 0 for i, k in enumerate(sizes)]
            return grow.op("Reshape", x, grow.const(sizes, np.int64))
        case "slice":
            start, end = grow.one_of(0, -shape[axis]), grow.one_of(shape[axis], _LARGEST)
            return grow.with_ints("Slice", x, since=10, starts=[start], ends=[end], axes=[axis])
        case "pad":
            return grow.with_ints("Pad", x, since=11, pads=[0] * (2 * rank))
        case "squeeze":
            axis %= rank + 1
            longer = grow.with_ints("Unsqueeze", x, since=13, axes=[axis])
            same = grow.one_of(axis, axis - rank - 1) if grow.opset >= 11 else axis
            return grow.with_ints("Squeeze", longer, since=13, axes=[same])
        case "expand":
            dims = grow.one_of(shape, (1,) * rank, shape[1:])
            return grow.op("Expand", x, grow.const(dims, np.int64))
        case "one":
            op_type = grow.one_of("Concat", "Sum", "Max", "Split", "Dropout", "Cast")
            kind = int(ir.DataType.from_numpy(np.dtype(dtype)))
            attributes = {"Concat": {"axis": axis % rank}, "Cast": {"to": kind}}.get(op_type, {})
            return grow.op(op_type, x, **attributes)
        case "mask":
            data, mask = grow.ops("Dropout", x, outputs=2)
            return grow.op("Where", mask, grow.op("Neg", x), data) if grow.opset >= 12 else data
    return grow.op("Abs", x)


def test_whatever_does_nothing_or_nearly() -> None:
    hold(NoOp(), chain, examples=150)


def test_a_mask_too_large_for_the_file_is_expanded() -> None:
    model = from_text("""
<ir_version: 8, opset_import: ["" : 13]>
main (float[4097,4096] x) => (bool[4097,4096] y) { a, m = Dropout (x)  y = Not (m) }
""")
    infer_shapes(model)
    result = NoOp().run(model, PassContext()).model
    assert [node.op_type for node in result.graph] == ["Expand", "Not"]
    assert (
        sum(v.const_value.nbytes for v in result.graph.initializers.values() if v.const_value) < 99
    )
