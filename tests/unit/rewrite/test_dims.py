"""Fixed sizes for symbolic dims."""

import onnx_ir as ir
import pytest

from graphfix.errors import PassError
from graphfix.model import from_text
from graphfix.rewrite.dims import Sizes

MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[N,W] x, float[N] n, float[2,K] z) => (float[N,W] y)
<float[N,W] a, float[W] b>
{
   a = Abs (x)
   b = ReduceMax <axes = [0], keepdims = 0> (a)
   y = Mul (a, b)
}
"""


def model() -> ir.Model:
    found = from_text(MODEL)
    found.graph.inputs[2].shape = ir.Shape([2, None])
    return found


def shapes(found: ir.Model) -> dict[str | None, str]:
    values = [*found.graph.inputs, *(v for node in found.graph for v in node.outputs)]
    return {value.name: str(value.shape) for value in values}


def test_a_size_holds_wherever_the_name_stands() -> None:
    found = model()
    sizes = Sizes(found, ["x:4,?"])
    assert sizes
    sizes.apply(found)
    assert shapes(found) == {
        "x": "[4,W]",
        "n": "[4]",
        "z": "[2,None]",
        "a": "[4,W]",
        "b": "[W]",
        "y": "[4,W]",
    }


def test_unnamed_dims_and_unknown_ranks_take_sizes() -> None:
    found = model()
    found.graph.inputs[1].shape = None
    sizes = Sizes(found, ["z:2,7", "n:5"])
    sizes.apply(found)
    assert shapes(found)["z"] == "[2,7]"
    assert shapes(found)["n"] == "[5]"


def test_sizes_that_are_there_already_change_nothing() -> None:
    found = model()
    Sizes(found, ["x:4,8"]).apply(found)
    assert not Sizes(found, ["x:4,8"])
    assert not Sizes(found, ["x:?,?"])
    assert not Sizes(found, [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["q:1"], "shape=q:1: there is no input 'q'; inputs: x, n, z"),
        (["x:1"], "shape=x:1: the input has 2 dims, not 1"),
        (["z:3,1"], "shape=z:3,1: dim 0 of the input is 2 and stays so"),
        (["x:B,1"], "shape=x:B,1: dim 0 is 'B', which is not a size"),
        (["x:1,1", "n:2"], "shape=n:2: dim 'N' cannot be both 1 and 2"),
    ],
)
def test_sizes_that_cannot_be(texts: list[str], message: str) -> None:
    with pytest.raises(PassError) as caught:
        Sizes(model(), texts)
    assert str(caught.value) == message
