"""The fold-shapes pass on random shape arithmetic in front of what takes shapes."""

import time
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix_passes.fold_shapes import FoldShapes
from tests.passes.random_graphs import Grower, hold


def takers(grow: Grower) -> Sequence[ir.Value]:
    """A tensor, a vector of sizes computed in some way, and an operator that takes them."""
    shape = grow.shape(min_rank=1, max_rank=4)
    x = grow.input(shape, grow.one_of(np.float32, np.float16))
    data = grow.unary(x)
    sizes = [_size(grow, data, shape, axis) for axis in range(len(shape))]
    match grow.one_of("Reshape", "Reshape", "Flatten", "Expand", "ConstantOfShape", "Equal"):
        case "Reshape":
            order = grow.permutation(len(shape)) if grow.chance(30) else range(len(shape))
            parts = [sizes[k] for k in order]
            if grow.chance(30):
                parts[grow.number(0, len(parts) - 1)] = grow.const([-1], np.int64)
            if grow.chance(20):
                parts.append(grow.const([1], np.int64))
            allow = {"allowzero": grow.number(0, 1)} if grow.opset >= 14 else {}
            return [grow.op("Reshape", data, _joined(grow, parts), **allow)]
        case "Flatten":
            rest = sizes[1:] or [grow.const([1], np.int64)]
            product = grow.op("ReduceProd", _joined(grow, rest), keepdims=1)
            return [grow.op("Reshape", data, _joined(grow, [sizes[0], product]))]
        case "Expand":
            more = grow.const([2], np.int64)
            parts = [more, *sizes] if grow.chance(40) else sizes[grow.number(0, 1) :]
            return [grow.op("Expand", data, _joined(grow, parts or [more]))]
        case "ConstantOfShape":
            return [grow.op("ConstantOfShape", _joined(grow, sizes))]
    wanted = _joined(grow, sizes)
    other = grow.const(list(shape), np.int64)
    return [grow.op("Cast", grow.op("Equal", wanted, other), to=1), wanted]


def _joined(grow: Grower, parts: Sequence[ir.Value]) -> ir.Value:
    joined = grow.op("Concat", *parts, axis=0) if len(parts) > 1 or grow.chance(50) else parts[0]
    return grow.maybe_shared(joined)


def _size(grow: Grower, data: ir.Value, shape: tuple[int, ...], axis: int) -> ir.Value:
    """One size as a vector, in one of the ways exporters write it."""
    if grow.chance(25):
        return grow.const([shape[axis]], np.int64)
    sizes = grow.op("Shape", data)
    if grow.chance(40):
        size = grow.with_ints("Slice", sizes, since=10, starts=[axis], ends=[axis + 1])
    else:
        index = grow.one_of(axis, axis - len(shape)) if grow.opset >= 11 else axis
        one = grow.op("Gather", sizes, grow.const(index, np.int64), axis=0)
        one = _arithmetic(grow, one)
        size = grow.with_ints("Unsqueeze", one, since=13, axes=[0])
    return grow.maybe_shared(size)


def _arithmetic(grow: Grower, size: ir.Value) -> ir.Value:
    match grow.one_of("", "", "there and back", "floats", "half", "compared"):
        case "there and back":
            doubled = grow.op("Mul", size, grow.const(2, np.int64))
            return grow.op("Div", doubled, grow.const(2, np.int64))
        case "floats":
            cast = grow.op("Cast", size, to=1)
            scaled = grow.op("Mul", cast, grow.const(grow.one_of(1.0, 2.0, 0.5, 1.3)))
            floor = grow.op(grow.one_of("Floor", "Ceil"), scaled)
            return grow.op("Cast", floor, to=grow.one_of(7, 6, 7))
        case "half":
            more = grow.op("Add", size, grow.const(1, np.int64))
            return grow.op("Div", more, grow.const(2, np.int64))
        case "compared" if grow.opset >= 12:
            return grow.op(grow.one_of("Max", "Min"), size, grow.const(1, np.int64))
    return size


def test_whatever_takes_computed_shapes() -> None:
    hold(FoldShapes(), takers, examples=120, least=0.3)


def test_time_is_linear_in_the_length_of_the_model() -> None:
    short, long = (min(_seconds(blocks) for _ in range(2)) for blocks in (100, 400))
    assert long < 7 * short


def _seconds(blocks: int) -> float:
    """Reshapes to computed shapes in a row."""
    nodes = "".join(
        f"s{k} = Shape (x{k}) b{k} = Slice (s{k}, zero, one) f{k} = Concat <axis = 0> (b{k}, rest) "
        f"x{k + 1} = Reshape (x{k}, f{k}) "
        for k in range(blocks)
    )
    model = from_text(
        f'<ir_version: 8, opset_import: ["" : 13]> main (float[N,6] x0) => (float[N,2,3] x{blocks})'
        f"<int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[2] rest = {{2, 3}}> {{ {nodes} }}"
    )
    start = time.process_time()
    result = FoldShapes().run(model, PassContext())
    seconds = time.process_time() - start
    assert len(result.rewrites) == blocks
    return seconds
