"""Shapes as users write them, and the sizes chosen for symbolic dims."""

import pytest

from graphfix.errors import UsageError
from graphfix.spec import Binding, InputSpec, bindings, parse_shape, parse_shapes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x:1,3,32,100", ("x", (1, 3, 32, 100))),
        ("serving_default_input:0:1,224,224,3", ("serving_default_input:0", (1, 224, 224, 3))),
        ("model/in/x:N,3,?,W", ("model/in/x", ("N", 3, None, "W"))),
        ("x:-1,8", ("x", (None, 8))),
        ("x: 1 , 2", ("x", (1, 2))),
        ("scalar:", ("scalar", ())),
        ("x:batch_size,32*h", ("x", ("batch_size", "32*h"))),
    ],
)
def test_shape_text(text: str, expected: object) -> None:
    assert parse_shape(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,3,32,100", "shape '1,3,32,100' must look like input:1,3,32,100"),
        ("x:1,,3", "shape 'x:1,,3': '' is not a size, a dim name or '?'"),
        ("x:-2,3", "shape 'x:-2,3': '-2' is not a size, a dim name or '?'"),
        ("x:1.5", "shape 'x:1.5': '1.5' is not a size, a dim name or '?'"),
        ("x:3px", "shape 'x:3px': '3px' is not a size, a dim name or '?'"),
    ],
)
def test_shape_text_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_shape(text)
    assert str(error.value) == message


def test_several_shapes_are_separate_or_joined_and_collect_by_name() -> None:
    assert parse_shapes(["x:1,3;y:2", "x:4,3"]) == {"x": ((1, 3), (4, 3)), "y": ((2,),)}


def dims(found: tuple[Binding, ...]) -> list[dict[str, int]]:
    return [dict(binding.dims) for binding in found]


def test_every_symbolic_dim_takes_two_sizes_and_equal_names_agree() -> None:
    specs = [InputSpec("x", shape=("N", 3, "H", None)), InputSpec("mask", shape=("N", "L"))]
    first, second = bindings(specs)

    assert first.dims.keys() == {"N", "H", "x[3]", "L"}
    assert all(first.dims[name] != second.dims[name] for name in first.dims)
    assert first.shapes["x"][0] == first.shapes["mask"][0] == first.dims["N"]
    assert first.shapes["x"][1] == second.shapes["x"][1] == 3
    assert first.dims["H"] % 32 == 0


def test_fixed_shapes_make_one_binding() -> None:
    (binding,) = bindings([InputSpec("x", shape=(2, 3))])

    assert binding.shapes == {"x": (2, 3)}
    assert binding.label == "x:2,3"


def test_no_inputs_make_one_binding() -> None:
    (binding,) = bindings([])

    assert binding.shapes == {}


def test_sizes_that_do_not_run_are_replaced() -> None:
    spec = InputSpec("x", shape=("N", 3, "H", "W"))
    found = bindings([spec], runs=lambda binding: binding.dims["H"] >= 224)

    assert len({binding.dims["H"] for binding in found}) == 2
    assert min(binding.dims["H"] for binding in found) == 224
    assert len({binding.dims["N"] for binding in found}) == 2


def test_a_length_that_must_hold_a_frame_of_a_wave_does() -> None:
    spec = InputSpec("wave", shape=("batch", "samples"))
    found = bindings([spec], runs=lambda binding: binding.dims["samples"] >= 4096)

    assert {binding.dims["samples"] for binding in found} == {4800, 6111}
    assert len({binding.dims["batch"] for binding in found}) == 2


def test_dims_that_only_run_apart_are_varied_one_by_one() -> None:
    spec = InputSpec("x", shape=("N", "L"))
    found = bindings([spec], runs=lambda b: b.dims["N"] == 1 or b.dims["L"] == 8)

    assert {binding.dims["N"] for binding in found} == {1, 4}
    assert {binding.dims["L"] for binding in found} == {8, 11}


def test_a_dim_that_runs_at_one_size_keeps_it() -> None:
    spec = InputSpec("x", shape=("N", "L"))
    found = bindings([spec], runs=lambda binding: binding.dims["N"] == 2)

    assert {binding.dims["N"] for binding in found} == {2}
    assert len({binding.dims["L"] for binding in found}) == 2


def test_nothing_that_runs_gives_no_binding() -> None:
    assert bindings([InputSpec("x", shape=("N",))], runs=lambda binding: False) == ()


def test_a_pinned_shape_is_used_alone_and_fixes_its_dims_everywhere() -> None:
    specs = [InputSpec("x", shape=("N", 3, None)), InputSpec("y", shape=("N",))]
    (found,) = bindings(specs, shapes={"x": ((2, 3, 7),)})

    assert found.shapes == {"x": (2, 3, 7), "y": (2,)}


def test_several_pinned_shapes_are_several_bindings() -> None:
    specs = [InputSpec("x", shape=("N", "M")), InputSpec("y", shape=("N",))]
    found = bindings(specs, shapes={"x": ((1, 5), (3, 6))})

    assert [binding.shapes for binding in found] == [
        {"x": (1, 5), "y": (1,)},
        {"x": (3, 6), "y": (3,)},
    ]


def test_a_partly_pinned_shape_leaves_the_rest_to_be_chosen() -> None:
    found = bindings([InputSpec("x", shape=("N", "M"))], shapes={"x": ((None, 5),)})

    assert [binding.shapes["x"] for binding in found] == [(1, 5), (4, 5)]


def test_given_sizes_are_all_tried_and_no_others() -> None:
    found = bindings([InputSpec("x", shape=("N", 3))], dims={"N": (2, 5, 7)})

    assert dims(found) == [{"N": 2}, {"N": 5}, {"N": 7}]


def test_a_dim_computed_from_another_follows_it() -> None:
    specs = [InputSpec("x", shape=("h", 2)), InputSpec("y", shape=("32*h", "h + 1"))]
    found = bindings(specs, dims={"h": (1, 2)})

    assert [binding.shapes["y"] for binding in found] == [(32, 2), (64, 3)]


@pytest.mark.parametrize(
    ("shapes", "sizes", "message"),
    [
        ({"z": ((1,),)}, {}, "there is no input 'z' to give a shape; inputs: x, y"),
        ({"x": ((1, 2),)}, {}, "shape x:1,2 has 2 dims, the input has 3"),
        ({"x": ((1, 4, 2),)}, {}, "shape x:1,4,2: dim 1 is 4, the input fixes it to 3"),
        ({"x": ((1, 3, 2),), "y": ((5,),)}, {}, "shape y:5: dim 'N' is both 1 and 5"),
        ({}, {"B": (1, 2)}, "no input has a dim 'B'; symbolic dims: N, x[2]"),
    ],
)
def test_shapes_and_dims_that_do_not_fit(
    shapes: dict[str, tuple[tuple[int, ...], ...]], sizes: dict[str, tuple[int, ...]], message: str
) -> None:
    specs = [InputSpec("x", shape=("N", 3, None)), InputSpec("y", shape=("N",))]
    with pytest.raises(UsageError) as error:
        bindings(specs, shapes=shapes, dims=sizes)
    assert str(error.value) == message


def test_a_multiple_of_a_name_gets_multiples() -> None:
    specs = [
        InputSpec("x", "float32", ("n", 3, "32*h", "4*w + 2")),
        InputSpec("m", "float32", ("n", "8*h", "batch-size")),
    ]
    for binding in bindings(specs):
        n, _, height, width = binding.shapes["x"]
        assert set(binding.dims) == {"n", "h", "w", "batch-size"}
        assert (height % 32, width % 4) == (0, 2)
        assert binding.shapes["m"] == (n, height // 4, binding.dims["batch-size"])
    for place in ((0, 2, 3), (1,)):
        shapes = [binding.shapes["x" if len(place) > 1 else "m"] for binding in bindings(specs)]
        assert all(len({shape[axis] for shape in shapes}) > 1 for axis in place)
    (pinned,) = bindings(specs[:1], dims={"n": [1], "h": [3], "4*w + 2": [7]})
    assert pinned.shapes["x"] == (1, 3, 96, 7)
