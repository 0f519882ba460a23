"""Derived bounds of integers: true of every input, and close for what shapes are made of."""

import math

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphfix.model import from_text, infer_shapes
from graphfix.rewrite.bounds import Interval, derive, limits
from graphfix.runners.onnxruntime import Session


def bounds(body: str, inputs: str = "float[2,3,32,48] x") -> dict[str, Interval]:
    """Bounds of the values in the body of a model; its last value is ``y``."""
    model = from_text(
        f'<ir_version: 8, opset_import: ["" : 17]>\nmain ({inputs}) => (y) {{\n{body}\n}}'
    )
    infer_shapes(model)
    return derive(model)


SHAPE = "s = Shape (x)\n"


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        (SHAPE + "y = Identity (s)", 2, 48),
        (SHAPE + "i = Constant <value_ints = [2, 3]> ()\ny = Gather (s, i)", 2, 48),
        (SHAPE + "c = Constant <value_int = 10> ()\ny = Add (s, c)", 12, 58),
        (SHAPE + "c = Constant <value_int = 10> ()\ny = Sub (c, s)", -38, 8),
        (SHAPE + "c = Constant <value_int = -3> ()\ny = Mul (s, c)", -144, -6),
        (SHAPE + "c = Constant <value_int = -5> ()\ny = Div (s, c)", -9, 0),
        (SHAPE + "c = Constant <value_int = 7> ()\ny = Mod (s, c)", 0, 6),
        (SHAPE + "y = Neg (s)", -48, -2),
        (SHAPE + "n = Neg (s)\ny = Abs (n)", 2, 48),
        (SHAPE + "c = Constant <value_ints = [5]> ()\ny = Concat <axis = 0> (s, c)", 2, 48),
        (SHAPE + "c = Constant <value_int = 5> ()\ny = Min (s, c)", 2, 5),
        (SHAPE + "c = Constant <value_int = 5> ()\ny = Max (s, c)", 5, 48),
        (SHAPE + "y = Cast <to = 6> (s)", 2, 48),
        (SHAPE + "f = Cast <to = 1> (s)\ny = Cast <to = 6> (f)", 1, 49),
        ("y = Size (x)", 9216, 9216),
        ("y = ArgMax <axis = 3> (x)", 0, 47),
        ("y = NonZero (x)", 0, 47),
        ("k = Constant <value_ints = [2]> ()\nv, y = TopK <axis = 2> (x, k)", 0, 31),
        (
            "z = Constant <value_ints = [4]> ()\ny = ConstantOfShape <value = int64[1] {9}> (z)",
            9,
            9,
        ),
    ],
)
def test_what_shapes_are_made_of(body: str, low: int, high: int) -> None:
    assert bounds(body)["y"] == Interval(low, high)


@pytest.mark.parametrize(
    "body",
    [
        "s = Size (x)\nt = Mul (s, s)\nu = Mul (t, t)\nv = Mul (u, u)\ny = Mul (v, v)",
        "s = Shape (x)\nz = Constant <value_int = 0> ()\ny = Div (s, z)",
        "y = Sigmoid (x)",
    ],
)
def test_what_may_wrap_around_or_is_not_known_has_no_bound(body: str) -> None:
    assert "y" not in bounds(body)


def test_a_symbolic_dim_has_no_upper_bound() -> None:
    found = bounds("y = Shape (x)", "float[N,3] x")
    assert found["y"] == Interval(0, math.inf)
    assert "y" not in bounds("s = Shape (x)\ny = Add (s, s)", "float[N,3] x")


def test_an_input_is_not_bounded() -> None:
    assert "y" not in bounds("y = Identity (k)", "int64[2] k")
    assert bounds("c = Constant <value_int = 9> ()\ny = Min (k, c)", "int64[2] k")["y"].high == 9


def test_limits_of_integer_types() -> None:
    assert limits(ir.DataType.INT32) == (-(1 << 31), (1 << 31) - 1)
    assert limits(ir.DataType.UINT8) == (0, 255)
    assert limits(ir.DataType.INT4) == (-8, 7)
    assert limits(ir.DataType.UINT4) == (0, 15)


BINARY = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Mod")
UNARY = ("Neg", "Abs", "Identity")


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    steps=st.lists(
        st.tuples(st.sampled_from(BINARY + UNARY), st.integers(0, 9), st.integers(-20, 20)),
        min_size=1,
        max_size=6,
    ),
)
def test_no_run_leaves_the_bounds(sizes: list[int], steps: list[tuple[str, int, int]]) -> None:
    lines = ["v0 = Shape (x)"]
    for k, (op, other, number) in enumerate(steps):
        lines.append(f"c{k} = Constant <value_int = {number or 1}> ()")
        operand = f"v{other % (k + 1)}" if other % 2 and op not in ("Div", "Mod") else f"c{k}"
        inputs = f"v{k}, {operand}" if op in BINARY else f"v{k}"
        lines.append(f"v{k + 1} = {op} ({inputs})")
    lines.append(f"y = Identity (v{len(steps)})")
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]>\n'
        f"main (float[{','.join(map(str, sizes))}] x) => (int64[{len(sizes)}] y) {{\n"
        + "\n".join(lines)
        + "\n}"
    )
    infer_shapes(model)
    found = derive(model)
    names = [f"v{k}" for k in range(len(steps) + 1)]
    values = Session(model, outputs=names).run({"x": np.zeros(sizes, np.float32)})
    for name in names:
        interval = found.get(name, Interval())
        numbers = np.asarray(values[name])
        assert interval.low <= numbers.min(), name
        assert numbers.max() <= interval.high, name
