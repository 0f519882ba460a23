"""The stand-in for ATC's first look: what it takes and what it refuses."""

import onnx
import onnx.parser
import pytest

from tests.atc_precheck import precheck, registered

RELU = "{ [r] y = Relu (x) }"


def model(body: str, imports: str = '"" : 11', inputs: str = "float[2] x") -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f"<ir_version: 8, opset_import: [{imports}]> g ({inputs}) => (float[2] y) {body}"
    )


@pytest.mark.parametrize(
    ("domain", "operator", "opset", "cann", "verdict"),
    [
        ("", "Relu", 15, "6.0", True),
        ("ai.onnx", "Relu", 16, "6.0", False),
        ("", "Relu", 18, "9.1", True),
        ("", "Relu", 19, "development", False),
        ("", "Loop", 11, "8.5", False),
        ("", "Conv", 11, "8.5", True),
        ("npu", "NPUMish", 1, "9.0", True),
        ("ascend", "DeformableConv2D", 1, "9.1", False),
        ("", "NoSuchOperator", 11, "9.1", False),
        ("", "Constant", 11, "8.5", True),
    ],
)
def test_the_table_is_looked_up_exactly(
    domain: str, operator: str, opset: int, cann: str, verdict: bool
) -> None:
    assert registered(domain, operator, opset, cann) is verdict


@pytest.mark.parametrize(
    ("graph", "refusal"),
    [
        (model("{ [r] y = Loop (x, x) }"),
         "E13010: No operator plugin is registered for Op: r, optype: ai.onnx::11::Loop."),
        (model(RELU, '"" : 19'),
         "E13010: No operator plugin is registered for Op: r, optype: ai.onnx::19::Relu."),
        (model(RELU, '"" : 11, "com.microsoft" : 1'),
         "E16005: The model has 2 --domain_version fields, but only one is allowed."),
        (model("{ [r] a = Relu (x)\n [r] y = Relu (a) }"),
         "E13009: Operator r already exists in the graph."),
        (model("{ [x] y = Relu (x) }"), "E13009: Operator x already exists in the graph."),
        (model("{ [Relu_0] a = Relu (x)\n y = Relu (a) }"),
         "E13009: Operator Relu_0 already exists in the graph."),
        (model(RELU, inputs=""), "E16001: The model has no input node."),
        (model(RELU, inputs="int4[2] x"), "E19999: tensor_proto data type INT4 is undefined. (x)"),
        (model("{ [t] y = Transpose (x) }"), "E11010: t: must input the attr of perm"),
        (model("{ [c] y = Clip (x) }"), "E11010: c: min and max are both missing"),
        (model("{ [r] y = Resize (x, x) }"), "E11010: r: there are fewer than 3 inputs"),
        (model("{ [i] y = If (x) <then_branch = t () => (y) { y = Relu (x) }> }"),
         "E19999: if node attribute size:1 must be 2"),
        (model("{ [i] y = If (x) <then_branch = t () => (a) { a = Relu (x) }, "
               "else_branch = e () => (x) { b = Relu (x) }> }"),
         "E19999: Cannot find output:x in graph"),
    ],
)  # fmt: skip
def test_a_refusal(graph: onnx.ModelProto, refusal: str) -> None:
    assert [str(found) for found in precheck(graph, "8.5")] == [refusal]


def test_what_it_takes() -> None:
    assert precheck(model(RELU), "8.5") == []
    assert precheck(model(RELU, '"" : 11, "npu" : 1'), "development") == []


def test_a_function_call_is_not_registered() -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 16, "f" : 1]> g (float[2] x) => (float[2] y) '
        '{ [n] y = f.Twice (x) } <domain: "f", opset_import: ["" : 16]> Twice (a) => (b) '
        "{ b = Add (a, a) }"
    )
    (refusal,) = precheck(onnx.parser.parse_model(text), "9.1")
    assert (refusal.code, refusal.node) == ("E13010", "n")


def test_an_empty_input_inside_a_branch() -> None:
    graph = model(
        "{ [i] y = If (x) <then_branch = t () => (a) { [c] a = Clip (x, , x) }, "
        "else_branch = e () => (b) { b = Relu (x) }> }"
    )
    assert [(found.code, found.node) for found in precheck(graph, "8.5")] == [("E19999", "c")]


def test_a_file_of_more_than_two_gigabytes() -> None:
    assert precheck(model(RELU), "8.5", 2_147_483_648)[0].code == "E13015"
