"""The prune pass: random graphs with dead ends, and what it says."""

from collections.abc import Sequence

import onnx_ir as ir

from graphfix.contract import Exact, Interface
from graphfix.model import from_text
from graphfix.rewrite import PassContext
from graphfix_passes.prune import Prune
from tests.passes.random_graphs import Grower, hold

UNREAD = """
<ir_version: 8, opset_import: ["" : 13]>
main (float[2] x, float[2] unread) => (float[2] y) { a = Neg (unread)  y = Abs (x) }
"""


def dead_ends(grow: Grower) -> Sequence[ir.Value]:
    values = [grow.input((2,)), grow.const([1.0, 2.0]), grow.const([3.0, 4.0])]
    for _ in range(grow.number(1, 6)):
        values.append(grow.op("Add", grow.one_of(*values), grow.one_of(*values)))
    return [values[-1]]


def test_whatever_leads_nowhere() -> None:
    hold(Prune(), dead_ends)


def test_the_report_says_what_went_and_which_inputs_nothing_reads() -> None:
    result = Prune().run(from_text(UNREAD), PassContext())
    (rewrite,) = result.rewrites
    assert (rewrite.removed, rewrite.note) == (("Neg_a",), "removed 1 node that nothing needs")
    assert result.notes == ("inputs that nothing reads: unread; prune{inputs} removes them",)
    assert result.contract == Exact()


def test_without_inputs_the_interface_is_another() -> None:
    result = Prune(inputs=True).run(from_text(UNREAD), PassContext())
    assert [value.name for value in result.model.graph.inputs] == ["x"]
    assert result.rewrites[-1].removed == ("unread",)
    assert (result.notes, result.contract) == ((), Interface())
