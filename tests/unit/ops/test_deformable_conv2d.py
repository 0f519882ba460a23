"""DeformableConv2D against plain loops and onnxruntime's own DeformConv."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from graphfix.errors import PassError
from tests.unit.ops import loops
from tests.unit.ops.one_call import build, run

NAME = "DeformableConv2D"


@dataclass(frozen=True)
class Case:
    """Sizes of one convolution."""

    n: int = 2
    c: int = 4
    o: int = 6
    size: tuple[int, int] = (6, 7)
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (1, 1, 1, 1)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    deformable_groups: int = 1
    bias: bool = False
    spread: float = 1.0
    """How far the offsets reach, in cells."""
    whole: bool = False
    """Offsets that hit cells exactly."""

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "pads": self.pads,
            "dilations": self.dilations,
            "groups": self.groups,
            "deformable_groups": self.deformable_groups,
        }

    @property
    def out(self) -> tuple[int, int]:
        room = [
            self.size[k] + self.pads[k] + self.pads[k + 2] - self.dilations[k] * (kernel - 1) - 1
            for k, kernel in enumerate(self.kernel)
        ]
        return room[0] // self.strides[0] + 1, room[1] // self.strides[1] + 1

    def inputs(self, seed: int = 0) -> list[Any]:
        random = np.random.default_rng(seed)
        positions = self.deformable_groups * self.kernel[0] * self.kernel[1]
        moves = random.normal(size=(self.n, 2 * positions, *self.out)) * self.spread
        if self.whole:
            moves = np.round(moves)
        masks = random.uniform(-0.5, 1.5, (self.n, positions, *self.out))
        arrays = [
            random.normal(size=(self.n, self.c, *self.size)),
            random.normal(size=(self.o, self.c // self.groups, *self.kernel)),
            np.concatenate([moves, masks], axis=1),
        ]
        if self.bias:
            arrays.append(random.normal(size=self.o))
        return [array.astype(np.float32) for array in arrays]


CASES = {
    "3 by 3": Case(),
    "bias": Case(bias=True),
    "groups": Case(groups=2),
    "depthwise": Case(c=4, o=8, groups=4),
    "deformable groups": Case(deformable_groups=2),
    "both groups": Case(groups=2, deformable_groups=4, bias=True),
    "more deformable groups than groups per channel": Case(c=6, o=4, groups=2, deformable_groups=3),
    "strides": Case(strides=(2, 3)),
    "dilations": Case(dilations=(2, 1), pads=(2, 1, 2, 1)),
    "asymmetric pads": Case(pads=(0, 2, 3, 1)),
    "no pads": Case(pads=(0, 0, 0, 0)),
    "1 by 1": Case(kernel=(1, 1), pads=(0, 0, 0, 0)),
    "2 by 5": Case(kernel=(2, 5), pads=(1, 2, 0, 2)),
    "one point out": Case(size=(3, 3), pads=(0, 0, 0, 0)),
    "offsets beyond the border": Case(spread=6.0),
    "offsets far out": Case(spread=1e6),
    "offsets on cells": Case(spread=3.0, whole=True),
    "no offsets": Case(spread=0.0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_loops(case: Case, seed: int) -> None:
    inputs = case.inputs(seed)
    (y,) = run(NAME, inputs, case.attributes)
    np.testing.assert_allclose(y, loops.deformable_conv2d(*inputs, **case.attributes), 1e-4, 2e-5)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_the_kernel_of_deform_conv(case: Case) -> None:
    inputs = case.inputs(2)
    (y,) = run(NAME, inputs, case.attributes)
    np.testing.assert_allclose(y, _deform_conv(case, inputs), 1e-4, 2e-5)


def _deform_conv(case: Case, inputs: list[Any]) -> Any:
    """ONNX's DeformConv, whose offsets are interleaved y, x and whose masks are an input."""
    x, weight, offsets, *rest = inputs
    positions = offsets.shape[1] // 3
    across, down, mask = np.split(offsets, 3, axis=1)
    shape = (case.n, 2 * positions, *case.out)
    interleaved = np.stack([down, across], axis=2).reshape(shape)
    bias = rest[0] if rest else np.zeros(case.o, np.float32)
    feeds = {"x": x, "w": weight, "offset": interleaved, "b": bias, "mask": mask}
    node = helper.make_node(
        "DeformConv",
        list(feeds),
        ["y"],
        strides=case.strides,
        pads=case.pads,
        dilations=case.dilations,
        group=case.groups,
        offset_group=case.deformable_groups,
    )
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, array.shape)
        for name, array in feeds.items()
    ]
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", values, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)[0]


@pytest.mark.parametrize("opset", range(11, 23))
def test_runs_in_every_opset(opset: int) -> None:
    case = Case(bias=True, deformable_groups=2)
    inputs = case.inputs()
    (y,) = run(NAME, inputs, case.attributes, opset=opset)
    np.testing.assert_allclose(y, loops.deformable_conv2d(*inputs, **case.attributes), 1e-4, 2e-5)


@pytest.mark.parametrize(
    ("short", "full"), [((1,), (1, 1, 1, 1)), ((0, 2), (0, 2, 0, 2))], ids=["one", "two"]
)
def test_short_pads_stand_for_all_sides(short: tuple[int, ...], full: tuple[int, ...]) -> None:
    case = Case(pads=(full[0], full[1], full[2], full[3]))
    inputs = case.inputs()
    (y,) = run(NAME, inputs, case.attributes | {"pads": short, "strides": (1,)})
    np.testing.assert_allclose(y, loops.deformable_conv2d(*inputs, **case.attributes), 1e-4, 2e-5)


def test_without_offsets_and_with_ones_it_is_a_convolution() -> None:
    case = Case(groups=2, strides=(2, 1), bias=True)
    x, weight, offsets, bias = case.inputs()
    offsets[:, : 2 * 9], offsets[:, 2 * 9 :] = 0, 1
    (y,) = run(NAME, [x, weight, offsets, bias], case.attributes)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(np.float64)
    for out in range(case.o):
        half = slice(0, 2) if out < 3 else slice(2, 4)
        for row in range(case.out[0]):
            for column in range(case.out[1]):
                window = padded[:, half, 2 * row : 2 * row + 3, column : column + 3]
                wanted = (window * weight[out]).sum((1, 2, 3)) + bias[out]
                np.testing.assert_allclose(y[:, out, row, column], wanted, 1e-4, 2e-5)


def test_float16_is_computed_in_float32_and_rounded_once() -> None:
    case = Case(bias=True)
    half = [array.astype(np.float16) for array in case.inputs()]
    (y,) = run(NAME, half, case.attributes)
    assert y.dtype == np.float16
    (exact,) = run(NAME, [array.astype(np.float32) for array in half], case.attributes)
    np.testing.assert_array_equal(y, exact.astype(np.float16))


def test_infinity_outside_the_window_does_not_spread() -> None:
    case = Case(n=1, spread=0.0, pads=(0, 0, 0, 0))
    x, weight, offsets = case.inputs()
    x[0, 0, 0, 0] = np.inf
    offsets[:, :9, 0, 0] = -100.0
    (y,) = run(NAME, [x, weight, offsets], case.attributes)
    assert np.isfinite(y).all()


def test_wild_offsets_read_zeros() -> None:
    case = Case(n=1, bias=True)
    x, weight, offsets, bias = case.inputs()
    wild = [3e38, -3e38, np.inf, -np.inf, 1e10]
    offsets[:, :9] = np.random.default_rng(0).choice(wild, offsets[:, :9].shape)
    (y,) = run(NAME, [x, weight, offsets, bias], case.attributes)
    np.testing.assert_array_equal(y, np.broadcast_to(bias.reshape(1, -1, 1, 1), y.shape))


def test_output_shape_is_known_where_the_inputs_are() -> None:
    case = Case()
    model = build(NAME, case.inputs(), case.attributes, static=True)
    assert list(model.graph.outputs[0].shape or ()) == [2, 6, 6, 7]


def test_offsets_of_another_size_are_refused_by_the_run() -> None:
    case = Case()
    x, weight, offsets = case.inputs()
    with pytest.raises(Exception, match="reshape"):
        run(NAME, [x, weight, offsets[:, :, :-1]], case.attributes)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"defomable_groups": 2},
            f"{NAME} has no attribute 'defomable_groups'; did you mean 'deformable_groups'?",
        ),
        ({"strides": None}, "DeformableConv2D needs the attribute 'strides'"),
        (
            {"strides": 2},
            "DeformableConv2D: attribute 'strides' is 2; it must be a list of integers",
        ),
        (
            {"pads": (1, 1, 1)},
            "DeformableConv2D: pads is [1, 1, 1]; it must be 1 or 2 or 4 integers of at least 0",
        ),
        ({"groups": 0}, "DeformableConv2D: groups is 0; it must be positive"),
        ({"data_format": "NHWC"}, "DeformableConv2D: data_format must be 'NCHW'"),
    ],
)
def test_attributes_without_meaning_are_refused(changed: dict[str, Any], message: str) -> None:
    case = Case()
    with pytest.raises(PassError) as caught:
        run(NAME, case.inputs(), case.attributes | changed)
    assert str(caught.value) == message
