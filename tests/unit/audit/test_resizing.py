"""The points of nearest Resize that rules work out, against those that onnxruntime takes."""

from fractions import Fraction
from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from graphfix.audit.resizing import ROUNDINGS, Axis, points

COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")
BEFORE = (1, 2, 3, 4, 5, 6, 8)
"""Without 7: for 7 to 1 the float32 arithmetic of onnxruntime gives 2.9999998 where 3 is exact."""
AFTER = (1, 2, 3, 4, 6, 8, 9, 16)


def taken_by_onnxruntime(
    before: int, coordinates: str, rounding: str
) -> dict[int, tuple[int, ...]]:
    """The points for each size after, in one model."""
    nodes = [
        helper.make_node(
            "Resize",
            ["x", "", "", f"sizes{after}"],
            [f"y{after}"],
            mode="nearest",
            coordinate_transformation_mode=coordinates,
            nearest_mode=rounding,
        )
        for after in AFTER
    ]
    outputs = [helper.make_tensor_value_info(f"y{a}", TensorProto.FLOAT, [a, 1]) for a in AFTER]
    sizes = [helper.make_tensor(f"sizes{a}", TensorProto.INT64, [2], [a, 1]) for a in AFTER]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [before, 1])]
    graph = helper.make_graph(nodes, "main", inputs, outputs, sizes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"x": np.arange(before, dtype=np.float32)[:, None]}
    found = session.run(None, feeds)
    return {a: tuple(y[:, 0].astype(int).tolist()) for a, y in zip(AFTER, found, strict=True)}


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_points_are_those_of_onnxruntime(coordinates: str) -> None:
    wrong = []
    for rounding, before in product(ROUNDINGS, BEFORE):
        for after, expected in taken_by_onnxruntime(before, coordinates, rounding).items():
            found = points(
                Axis(2, before, after, None), Fraction(after, before), coordinates, rounding
            )
            if found != expected:
                wrong.append((rounding, before, after, found, expected))
    assert not wrong


def test_points_of_a_period_do_for_sizes_that_are_not_known() -> None:
    """A rounding that differs for a known size differs for the period, and the other way round."""
    for coordinates, factor in product(("asymmetric", "half_pixel"), ("2", "3", "1/2", "3/2")):
        scale = Fraction(factor)
        for one, other in product(ROUNDINGS, repeat=2):
            differs = []
            for before, after in ((None, None), (12, int(12 * scale))):
                axis = Axis(2, before, after, scale)
                differs.append(
                    points(axis, scale, coordinates, one) != points(axis, scale, coordinates, other)
                )
            assert differs[0] == differs[1], (coordinates, factor, one, other)


def test_points_are_not_worked_out_where_sizes_or_names_are_not_known() -> None:
    unknown = Axis(2, None, None, Fraction(2))
    known = Axis(2, 4, 8, None)
    assert points(unknown, Fraction(2), "align_corners", "floor") is None
    assert points(known, Fraction(2), "tf_half_pixel_for_nn", "floor") is None
    assert points(known, Fraction(2), "half_pixel", "odd") is None
    assert points(Axis(2, 4, 1 << 40, None), Fraction(1 << 38), "half_pixel", "floor") is None
