"""No pass takes more than in proportion to the size of the model.

Time says little on a busy machine, so calls are counted, of functions in Python and in C. The
models are made of the golden cases: the nodes of a case are there many times over, side by side,
and all copies read the same inputs and the same constants, whose readers are therefore as many as
the nodes. The groups run on the network of ``benchmarks/passes.py``, one long chain in which most
passes have something to do.

What is slow inside one call, such as a search through a list, does not show here; the benchmark
measures that.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import onnx
import onnx_ir as ir
import pytest

from benchmarks.passes import network
from graphfix.errors import PassError
from graphfix.model import from_bytes
from graphfix.pipeline import parse
from graphfix.rewrite import Pass, PassContext, RewritePass, Rewriter, Skip
from tests import golden
from tests.test_golden import FILES

COPIES = 8
TIMES = 4
MOST = 4.25
"""Four times the nodes may take so many times as many calls."""
APART = ("sim", "auto-optimizer")
"""Tools of others, which run in processes of their own."""


def copies(text: str, count: int) -> ir.Model:
    """The graph of a model ``count`` times in one; inputs and initializers are shared.

    Only the first copy makes the outputs. Those of the others have a reader each instead, as a
    graph with thousands of outputs is no network.
    """
    proto = onnx.parser.parse_model(text)
    graph = proto.graph
    made = {name for node in graph.node for name in node.output if name}
    outputs = [output.name for output in graph.output if output.name in made]
    nodes = list(graph.node)
    del graph.value_info[:]
    for number in range(1, count):
        names = {name: f"{name}.{number}" for name in made}
        graph.node.extend(_renamed(node, names) for node in nodes)
        for name in outputs:
            graph.node.add(op_type="Reader", domain="test", input=[names[name]])
            graph.node[-1].output.append(f"read {names[name]}")
    proto.opset_import.add(domain="test", version=1)
    return from_bytes(proto.SerializeToString())


def _renamed(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = names.get(node.output[0], "") and f"{node.name}.{names[node.output[0]]}"
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    for attribute in copy.attribute:
        for graph in (attribute.g, *attribute.graphs):
            inner = [_renamed(each, names) for each in graph.node]
            del graph.node[:]
            graph.node.extend(inner)
            for output in graph.output:
                output.name = names.get(output.name, output.name)
    return copy


def calls(action: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def growth(items: tuple[Pass, ...], model: Callable[[int], ir.Model], size: int) -> float:
    """How many times as many calls the passes take for four times the model."""

    def run(model: ir.Model) -> None:
        for item in items:
            try:
                model = item.run(model, PassContext()).model
            except PassError:
                return

    run(model(1))  # what is imported or remembered once
    small, large = model(size), model(TIMES * size)
    return calls(lambda: run(large)) / calls(lambda: run(small))


def cases() -> Iterator[golden.Case]:
    """For each pass the first case that shows what it does."""
    for file in FILES:
        if file.stem not in APART:
            yield next(case for case in golden.read(file) if case.rewrites)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_pass(case: golden.Case) -> None:
    items = parse(case.pipeline, golden.registry()).passes
    assert growth(items, lambda count: copies(case.before, count), COPIES) <= MOST


@pytest.mark.parametrize("name", golden.registry().groups())
def test_group(name: str) -> None:
    items = parse(name, golden.registry()).passes
    assert growth(items, network, 90) <= MOST


@dataclass(frozen=True, kw_only=True)
class Quadratic(RewritePass):
    """Looks at all readers of what a node reads."""

    name = "quadratic"
    match_ops = ("Add",)

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Skip:
        shared = node.inputs[1]
        assert shared is not None
        return rw.skip(str(sum(use.node.op_type == "Add" for use in shared.uses())))


def test_what_is_not_linear_is_noticed() -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 13]>\n'
        "main (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }"
    )
    assert growth((Quadratic(),), lambda count: copies(text, count), 10 * COPIES) > MOST
