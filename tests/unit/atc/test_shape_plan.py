"""Shapes with names, and sizes for the names."""

import pytest

from graphfix.atc.shape_plan import parse_choice, plan_shapes
from graphfix.atc.shapes import format_input_shape
from graphfix.errors import UsageError
from graphfix.spec import InputSpec

PICTURE = InputSpec("x", shape=("N", 3, "H", "W"))
MASK = InputSpec("m", shape=("N", "T"))
SCALAR = InputSpec("s", shape=())


def plan(inputs: tuple[InputSpec, ...], shapes: tuple[str, ...], *gears: str) -> tuple[str, ...]:
    found = plan_shapes(inputs, shapes, [parse_choice(text) for text in gears])
    kind = f"{found.gears.kind.value}={found.gears}" if found.gears else ""
    return format_input_shape(found.shapes), kind, found.input_format


@pytest.mark.parametrize(
    ("inputs", "shapes", "gears", "planned"),
    [
        ((PICTURE,), ("x:1,3,8,8",), (), ("x:1,3,8,8", "", "NCHW")),
        ((PICTURE, MASK, SCALAR), ("x:N,3,8,8;m:N,5",), ("N=1,2,4",),
         ("x:-1,3,8,8;m:-1,5;s:", "dynamic_batch_size=1,2,4", "NCHW")),
        ((PICTURE,), ("x:1,3,H,W",), ("W,H=9,8;19,18",),
         ("x:1,3,-1,-1", "dynamic_image_size=8,9;18,19", "NCHW")),
        ((PICTURE,), ("x:1,3,H,W",), ("H=8,16", "W=9,18"),
         ("x:1,3,-1,-1", "dynamic_image_size=8,9;8,18;16,9;16,18", "NCHW")),
        ((PICTURE,), ("x:1,3,H,H",), ("H=8,16",),
         ("x:1,3,-1,-1", "dynamic_dims=8,8;16,16", "ND")),
        ((PICTURE, MASK), ("x:N,3,8,8",), ("N=1,2", "T=16..48:16"),
         ("x:-1,3,8,8;m:-1,-1",
          "dynamic_dims=1,1,16;1,1,32;1,1,48;2,2,16;2,2,32;2,2,48", "ND")),
        ((MASK,), (), ("N=1~16", "T=1~-1"), ("m:1~16,1~-1", "", "ND")),
    ],
)  # fmt: skip
def test_a_plan(
    inputs: tuple[InputSpec, ...],
    shapes: tuple[str, ...],
    gears: tuple[str, ...],
    planned: tuple[str, ...],
) -> None:
    assert plan(inputs, shapes, *gears) == planned


@pytest.mark.parametrize(
    ("gears", "message"),
    [
        (("N=1~4", "T=1,2"), "--gears: ATC takes either ranges (N=1~16) or gears"),
        (("N=1,1", "T=2"), "gear 1,2 is there twice"),
        (("N=1..11", "T=1..10"), "--gears: these are 110 gears; ATC documents at most 100"),
        (("N,T=1,2;3", "M=1"), "--gears 'N,T=1,2;3': '3' is not 2 sizes"),
        (("N,T=1~2",), "--gears 'N,T=1~2': a range is for one dim"),
        (("N=1,2", "N=3,4"), "--gears gives 'N' twice"),
        (("N=0,2",), "--gears 'N=0,2': '0' is neither a size nor like"),
        (("N=4..1",), "--gears 'N=4..1': '4..1' holds no size"),
        (("N=1..999999999",), "--gears 'N=1..999999999': '1..999999999' holds 999999999 sizes"),
        (("N=1,2",), "input m:N,T has the dim 'T' without a size"),
    ],
)
def test_a_plan_that_cannot_be(gears: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        plan((MASK,), (), *gears)
    assert str(raised.value).startswith(message)
