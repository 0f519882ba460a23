"""The names pass: random names, and models that ONNX's checker would refuse."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.contract import Interface
from graphfix.model import check, from_text
from graphfix.rewrite import PassContext
from graphfix_passes.names import Names
from tests.passes.random_graphs import Grower, hold


def badly_named(grow: Grower) -> Sequence[ir.Value]:
    values = [grow.input((2,)), grow.const([1.0, 2.0])]
    names = ["", "x0", "n0", "n0_1", "a:b", "a_b", "c0_Initializer_0", "Neg_v0"]
    for _ in range(grow.number(1, 5)):
        values.append(grow.op("Neg", grow.one_of(*values)))
        name = grow.one_of(*names)
        if name not in {node.name for node in grow.nodes}:
            grow.nodes[-1].name = name or None
    return [values[-1]]


def test_whatever_the_nodes_are_called() -> None:
    hold(Names(), badly_named, least=0.3)


def test_equal_names_of_nodes() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[2] x) => (float[2] y) { [n] a = Abs (x)  [n] b = Neg (a)  [n] y = Exp (b) }
        """
    )
    result = Names().run(model, PassContext())
    check(result.model)
    assert [node.name for node in result.model.graph] == ["n", "n_1", "n_2"]
    assert [rewrite.note for rewrite in result.rewrites] == ["was 'n'", "was 'n'"]


def test_a_value_in_a_branch_with_the_name_of_one_outside() -> None:
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[2] x, bool c) => (float[2] y)
        {
           [n1] a = Abs (x)
           [n2] y = If (c) <then_branch = t () => (float[2] t1) { [n3] t1 = Neg (a) },
                            else_branch = e () => (float[2] e1)
                               <float[2] x = {1, 2}> { [n4] a = Exp (x)  [n5] e1 = Neg (a) }>
        }
        """
    )
    result = Names().run(model, PassContext())
    check(result.model)
    inner = result.model.graph[1].attributes["else_branch"].as_graph()
    assert list(inner.initializers) == ["x_1"]
    assert [node.outputs[0].name for node in inner] == ["a_1", "e1"]


def test_renamed_inputs_and_outputs_are_in_the_contract() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[2] "x~1", float[2] z) => (float[2] "out:0") { [n] "out:0" = Add ("x~1", z) }
        """
    result = Names(interface=True).run(from_text(text), PassContext())
    assert result.contract == Interface(outputs={"out_0": "out:0"}, inputs={"x_1": "x~1"})
    result = Names().run(from_text(text), PassContext())
    assert result.rewrites == ()
    assert result.notes == (
        "ATC's command line cannot name 'x~1', 'out:0'; names{interface} renames them",
    )
