"""Selectors: nodes and values by structure, and what the messages say."""

import onnx_ir as ir
import pytest

from graphfix.errors import PassError, PipelineError
from graphfix.model import from_text
from graphfix.rewrite import Expect, Selector, select_values

MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[1,3,8,8] x, float[N,4] z, float[4,3,3,3] w) => (float[1,4,6,6] y, float[N,2] q)
<float[1] one = {1}, int64[2] s = {2, 2}>
{
   ["stem/Conv_0"] a = Conv <kernel_shape = [3, 3]> (x, w)
   ["stem/Relu_1"] b = Relu (a)
   ["head/Mul_2"] c = Mul (b, one)
   ["head/Mul_3"] d = Mul (c, c)
   ["head/Split_4"] e, f = Split <axis = 1> (z, s)
   ["head/Add_5"] q = Add (f, e)
   ["head/Mean_6"] y = Mean (d, b)
}
"""


@pytest.fixture
def graph() -> ir.Graph:
    return from_text(MODEL).graph


def picked(graph: ir.Graph, text: str) -> list[str | None]:
    return [node.name for node in Selector(text).filter(graph)]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("op=Mul", ["head/Mul_2", "head/Mul_3"]),
        ("op=Conv|Relu", ["stem/Conv_0", "stem/Relu_1"]),
        ("op = Conv | Relu", ["stem/Conv_0", "stem/Relu_1"]),
        ("op!=Mul & name=head/*", ["head/Split_4", "head/Add_5", "head/Mean_6"]),
        ("op=Mul & k=1", ["head/Mul_3"]),
        ("k=0,2..3", ["stem/Conv_0", "head/Mul_2", "head/Mul_3"]),
        ("k=0 & op=Mul", ["head/Mul_2"]),
        ("attr.kernel_shape=3,3", ["stem/Conv_0"]),
        ("attr.axis=1", ["head/Split_4"]),
        ("attr.axis!=1 & op=Split", []),
        ("in0=Conv", ["stem/Relu_1"]),
        ("in0=Split.1", ["head/Add_5"]),
        ("in1=Split.1", []),
        ("in1=Relu", ["head/Mean_6"]),
        ("out0=Relu", ["stem/Conv_0"]),
        ("out0=Mul.0", ["stem/Relu_1", "head/Mul_2"]),
        ("out0=Mean.1", ["stem/Relu_1"]),
        ("out1=Add.0", ["head/Split_4"]),
        ("out0=Add.0", []),
        ("rank0=2", ["head/Split_4"]),
        ("dim0.1=3", ["stem/Conv_0"]),
        ("dim0.-1=8", ["stem/Conv_0"]),
        ("dim0.0=N", ["head/Split_4"]),
        ("dim0.9=1", []),
    ],
)
def test_node_selectors(graph: ir.Graph, text: str, want: list[str]) -> None:
    assert picked(graph, text) == want


@pytest.mark.parametrize(
    ("text", "clause"),
    [("", ""), ("Conv", "Conv"), ("op=Conv & ", ""), ("colour=red", "colour=red")],
)
def test_a_clause_that_is_not_understood_is_quoted(text: str, clause: str) -> None:
    with pytest.raises(PipelineError) as caught:
        Selector(text)
    assert str(caught.value) == (
        f"selector clause {clause!r} is not understood; clauses look like op=Resize, "
        "attr.mode=linear, in0=Conv, out0=Cast, rank0=4, dim0.1=64, k=0,2, name=head/*"
    )


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(PipelineError, match="k='a' is not a list of numbers and ranges"):
        Selector("k=a")
    with pytest.raises(PipelineError, match=r"port 'x' in 'Split\.x' is not a number"):
        Selector("in0=Split.x")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("c", ["c"]),
        ("x", ["x"]),
        ("one", ["one"]),
        ("head/Split_4:1", ["f"]),
        ("head/Mul_3:0", ["d"]),
        ("in0(op=Add)", ["f"]),
        ("ins(op=Add)", ["f", "e"]),
        ("ins(op=Mul)", ["b", "one", "c"]),
        ("out1(op=Split)", ["f"]),
        ("outs(op=Split)", ["e", "f"]),
        (" out0(op=Mul & k=1) ", ["d"]),
    ],
)
def test_value_selectors(graph: ir.Graph, text: str, want: list[str]) -> None:
    assert [value.name for value in select_values(graph, text)] == want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no value or node output is called 'nothing'"),
        ("on", "no value or node output is called 'on'; similar: one"),
        ("head/Split_4:2", "'head/Split_4:2': the node has no value at port 2"),
        ("in5(op=Add)", "'in5(op=Add)': the node has no value at port 5"),
        ("ins(op=TopK)", "'ins(op=TopK)' selects no node"),
        ("ins0(op=Add)", "no value or node output is called 'ins0(op=Add)'"),
    ],
)
def test_values_that_are_not_there(graph: ir.Graph, text: str, message: str) -> None:
    with pytest.raises(PassError) as caught:
        select_values(graph, text)
    assert str(caught.value) == message


def test_a_value_may_be_called_like_a_port(graph: ir.Graph) -> None:
    graph[2].outputs[0].name = "head/Split_4:1"
    (found,) = select_values(graph, "head/Split_4:1")
    assert found is graph[2].outputs[0]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("2", [2]),
        ("==2", [2]),
        (">=2", [2, 3]),
        ("> 2", [3]),
        ("<2", [0, 1]),
        ("<=2", [0, 1, 2]),
        ("!=2", [0, 1, 3]),
    ],
)
def test_expectations(text: str, holds: list[int]) -> None:
    assert [count for count in range(4) if Expect(text).holds(count)] == holds


def test_an_expectation_that_is_no_number_is_refused() -> None:
    with pytest.raises(PipelineError) as caught:
        Expect("many")
    assert str(caught.value) == "expect='many' is not a number or a comparison such as '>=1'"
