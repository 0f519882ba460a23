"""The fold-constants pass: random graphs, how often it runs what, and what it copies."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from graphfix import folding
from graphfix.contract import Close, Exact
from graphfix.model import from_text
from graphfix.rewrite import PassContext, PassResult
from graphfix_passes.fold_constants import FoldConstants
from tests.passes.random_graphs import Grower, hold


def arithmetic(grow: Grower) -> Sequence[ir.Value]:
    x = grow.input((2, 3))
    known = [grow.const([[1.0, -2.0, 0.5]]), grow.const([[3.0], [-0.0]])]
    for _ in range(grow.number(1, 4)):
        kind = grow.one_of("Add", "Mul", "Transpose", "Exp", "Div")
        first, second = grow.one_of(*known), grow.one_of(*known)
        if kind == "Transpose":
            first = grow.op("Transpose", first)
            made = grow.op("Transpose", grow.maybe_shared(first))
        elif kind == "Exp":
            made = grow.op("Exp", first)
        else:
            made = grow.op(kind, first, second)
        known.append(grow.maybe_shared(made))
    return [grow.op("Add", x, known[-1])]


def test_whatever_is_computed_from_constants() -> None:
    hold(FoldConstants(), arithmetic, least=0.5)


def fold(text: str, opset: int = 17) -> PassResult:
    model = from_text(f'<ir_version: 8, opset_import: ["" : {opset}]>\n{text}')
    return FoldConstants().run(model, PassContext())


def chains(count: int) -> str:
    nodes = "\n".join(f"a{k} = Mul (w, w) b{k} = Transpose (a{k}) " for k in range(count))
    names = ", ".join(f"b{k}" for k in range(count))
    body = f"{{ {nodes} y = Sum (x, {names}) }}"
    return f"main (float[2] x) => (float[2] y) <float[2] w = {{1, 2}}> {body}"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[ir.Model]:
    """The models that are run."""
    made: list[ir.Model] = []
    original = folding.Session  # type: ignore[attr-defined]  # not exported

    def session(model: ir.Model, **options: Sequence[str]) -> object:
        made.append(model)
        return original(model, **options)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(folding, "Session", session)
    return made


def test_one_session_runs_all_nodes(sessions: list[ir.Model]) -> None:
    result = fold(chains(50))
    assert len(result.rewrites) == 50
    assert [len(model.graph) for model in sessions] == [100]


def test_a_node_that_cannot_run_is_found_by_halving(sessions: list[ir.Model]) -> None:
    """Its result goes nowhere, and the others are folded nevertheless."""
    text = chains(30).replace("a3 = Mul (w, w)", "a3 = Gather (w, far)")
    result = fold(text.replace("= {1, 2}>", "= {1, 2}, int64[2] far = {5, 6}>"))
    (skip,) = result.skips
    assert skip.reason.startswith("onnxruntime does not compute it: INVALID_ARGUMENT")
    assert len(result.rewrites) == 29
    assert len(sessions) < 20


def test_a_weight_that_only_moves_is_not_copied() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 13]>\n'
        "main (float[1,3] x, float[1,6] v) => (float[1,2] y, float[1,6] z)\n"
        "<float[2,3] w = {0, 1, 2, 3, 4, 5}, int64[1] flat = {-1}>\n"
        "{ t = Transpose (w) y = MatMul (x, t) f = Reshape (w, flat) z = Mul (f, v) }"
    )
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    model.graph.initializers["w"].const_value = ir.Tensor(weight)
    FoldConstants().run(model, PassContext())
    for value in model.graph.initializers.values():
        assert value.const_value is not None
        assert np.shares_memory(value.const_value.numpy(), weight)


@pytest.mark.parametrize(
    ("node", "contract"),
    [("Add (w, w)", Exact()), ("MatMul (w, w)", Close()), ("ReduceSum (w)", Close())],
)
def test_only_sums_are_close(node: str, contract: object) -> None:
    head = "main (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}>"
    text = f"{head} {{ a = {node} y = Add (x, a) }}"
    assert fold(text).contract == contract


@pytest.mark.parametrize(
    "node",
    [
        "Bernoulli (w)",
        "Dropout (w, half, train)",
        "Multinomial (w)",
        "RandomUniformLike (w)",
        "Neg (default)",
    ],
)
def test_what_is_no_constant_stays(node: str) -> None:
    text = (
        "main (float[1,2] x, float[1,2] default) => (float[1,2] y)\n"
        "<float[1,2] w = {0.2, 0.8}, float half = {0.5}, bool train = {1},"
        " float[1,2] default = {1, 2}>\n"
        f"{{ a = {node} b = Cast <to = 1> (a) y = Add (x, b) }}"
    )
    assert not fold(text).rewrites
