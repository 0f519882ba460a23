"""The dynamic-shape pass: what is frozen from a dynamic model thaws to the same model again."""

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, reject, settings

from graphfix.contract import Interface
from graphfix.errors import PassError
from graphfix.model import from_text, infer_shapes, to_text
from graphfix.rewrite import PassContext, Selector
from graphfix.runners.onnxruntime import Session
from graphfix.verify import Status, Verifier, structure
from graphfix_passes.dynamic_shape import DynamicShape
from graphfix_passes.fold_shapes import FoldShapes
from graphfix_passes.prune import Prune
from tests.passes.random_graphs import Grower


def run(model: ir.Model, *shapes: str) -> ir.Model:
    result = DynamicShape(shape=shapes).run(model, PassContext())
    structure(result.model)
    return result.model


def numbers(model: ir.Model, **feeds: np.ndarray) -> list[Any]:
    return [np.asarray(array) for array in Session(model, threads=1).run(feeds).values()]


NETWORKS = {
    "flattened": """
        s = Shape (x) n = Slice (s, i0, i1) shape = Concat <axis = 0> (n, minus)
        y = Reshape (x, shape)
    """,
    "heads": """
        s = Shape (x) n = Slice (s, i0, i1) l = Slice (s, i1, i2)
        shape = Concat <axis = 0> (n, l, two, two) a = Reshape (x, shape)
        b = Transpose <perm = [0, 2, 1, 3]> (a) c = Transpose <perm = [0, 2, 1, 3]> (b)
        back = Concat <axis = 0> (n, l, four) y = Reshape (c, back)
    """,
    "merged": """
        s = Shape (x) n = Slice (s, i0, i1) l = Slice (s, i1, i2) nl = Mul (n, l)
        shape = Concat <axis = 0> (nl, four) a = Reshape (x, shape) b = Relu (a)
        back = Concat <axis = 0> (n, l, four) y = Reshape (b, back)
    """,
    "zeros": """
        s = Shape (x) n = Slice (s, i0, i1) shape = Concat <axis = 0> (n, two, four)
        zeros = ConstantOfShape (shape) y = Concat <axis = 1> (zeros, x)
    """,
    "stretched": """
        s = Shape (x) n = Slice (s, i0, i1) l = Slice (s, i1, i2)
        shape = Concat <axis = 0> (n, l, four)
        row = Constant <value_floats = [1.0, 2.0, 3.0, 4.0]> ()
        a = Expand (row, shape) b = Mul (a, x) y = Concat <axis = 2> (b, a)
    """,
    "state": """
        t = Transpose <perm = [1, 0, 2]> (x) s = Shape (x) n = Slice (s, i0, i1)
        shape = Concat <axis = 0> (i1, n, two) h = ConstantOfShape (shape)
        ws = Constant <value_ints = [1, 2, 4]> () rs = Constant <value_ints = [1, 2, 2]> ()
        v = Constant <value_floats = [0.3]> () w = Expand (v, ws) r = Expand (v, rs)
        y = RNN <hidden_size = 2> (t, w, r, , , h)
    """,
    "sliced": """
        s = Shape (x) l = Slice (s, i1, i2) y = Slice (x, i0, l, i1)
    """,
}


@pytest.mark.parametrize("nodes", NETWORKS.values(), ids=NETWORKS)
def test_what_was_frozen_thaws(nodes: str) -> None:
    """A dynamic model, frozen at a batch of 2 and 3 steps, thawed, at other sizes."""
    before = from_text(
        '<ir_version: 8, opset_import: ["" : 13]> main (float[n,steps,4] x) => (y)'
        "<int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, int64[1] minus = {-1},"
        f" int64[1] two = {{2}}, int64[1] four = {{4}}> {{ {nodes} }}"
    )
    frozen = _frozen(before, "x:2,3,4")
    assert "Shape (" not in to_text(frozen)
    after = run(frozen, "x:n,steps,4")
    for size in ((2, 3), (1, 3), (4, 7), (3, 1)):
        x = np.random.default_rng(0).normal(size=(*size, 4)).astype(np.float32)
        for was, now in zip(numbers(before, x=x), numbers(after, x=x), strict=True):
            assert np.array_equal(was, now)


def _frozen(model: ir.Model, shape: str) -> ir.Model:
    """The model with fixed sizes, as an exporter would write it."""
    fixed = run(model.clone(), shape)
    folded = FoldShapes().run(fixed, PassContext()).model
    infer_shapes(folded)
    for node in folded.graph:  # -1 and 0 go, too
        if node.op_type == "Reshape":
            exact = node.outputs[0].shape
            assert exact is not None
            wanted = node.inputs[1]
            assert wanted is not None
            tensor = ir.tensor(np.array(list(exact), np.int64), name=f"{wanted.name}_exact")
            value = ir.Value(
                name=tensor.name, type=wanted.type, shape=wanted.shape, const_value=tensor
            )
            folded.graph.register_initializer(value)
            node.replace_input_with(1, value)
    return Prune().run(folded, PassContext()).model


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_random_reshapes_thaw(data: st.DataObject) -> None:
    """Axes are split, merged and moved at random, with sizes that depend on two dims."""
    grow = Grower(data, 13)
    batch, steps = grow.one_of(2, 3, 5), grow.one_of(7, 11, 1)
    shape, exported, thawed = _random_reshape(grow, batch, steps)
    x = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))
    wanted = ir.tensor(np.array(exported, np.int64), name="wanted")
    constant = ir.Value(name="wanted", const_value=wanted, type=ir.TensorType(ir.DataType.INT64))
    constant.shape = ir.Shape([len(exported)])
    node = ir.node("Reshape", [x, constant], name="only")
    node.outputs[0].name, node.outputs[0].type = "y", x.type
    node.outputs[0].shape = ir.Shape(exported)
    imports = {"": 13}
    graph = ir.Graph(
        [x], node.outputs, nodes=[node], initializers=[constant], opset_imports=imports, name="main"
    )
    names = ["batch" if d == batch else "steps" if d == steps else str(d) for d in shape]
    try:
        after = run(ir.Model(graph, ir_version=8), f"x:{','.join(names)}")
    except PassError as error:
        if steps == 1 and "its sizes may mean" in str(error):
            return  # nothing tells where an axis of 1 belongs
        raise
    for n, k in ((batch, steps), (batch + 1, steps + 2), (13, 17)):
        sizes = [{"batch": n, "steps": k}.get(name) or int(name) for name in names]
        (found,) = numbers(after, x=np.zeros(sizes, np.float32))
        assert list(found.shape) == thawed(n, k)


def _random_reshape(grow: Grower, batch: int, steps: int) -> tuple[list[int], list[int], Any]:
    """Dims, sizes at export, and the sizes for other dims."""
    parts: Sequence[tuple[str, ...]] = (
        ("batch",), ("steps",), ("4",), ("6", "4"), ("batch", "steps"), ("steps", "4"),
        ("batch", "6"),
    )  # fmt: skip
    chosen = [grow.one_of(*parts) for _ in range(grow.number(1, 3))]
    flat = [name for part in chosen for name in part]
    if flat.count("batch") > 1 or flat.count("steps") > 1:
        reject()

    def size(name: str, n: int, k: int) -> int:
        return {"batch": n, "steps": k}.get(name) or int(name)

    def sizes(n: int, k: int) -> list[int]:
        return [int(np.prod([size(name, n, k) for name in part])) for part in chosen]

    return [size(name, batch, steps) for name in flat], sizes(batch, steps), sizes


def test_verification_tries_other_sizes() -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 13]>
        main (float[1,4] x) => (float[1,2,2] y) <int64[3] shape = {1, 2, 2}>
        { y = Reshape (x, shape) }
    """
    verifier = Verifier()
    verifier.start(from_text(text))
    result = DynamicShape(shape=("x:n,4",)).run(from_text(text), PassContext())
    assert isinstance(result.contract, Interface)
    assert verifier.check(result, before=lambda: from_text(text)).status is Status.PASSED


def test_a_call_without_a_shape_or_with_a_selector_is_refused() -> None:
    model = from_text(
        '<ir_version: 8, opset_import: ["" : 13]> main (float[1] x) => (float[1] y) { y = Abs (x) }'
    )
    with pytest.raises(ValueError, match="shape= must name an input, as in dynamic-shape"):
        DynamicShape(shape=())
    with pytest.raises(PassError) as caught:
        DynamicShape(shape=("x:n",), select=Selector("op=Abs")).run(model, PassContext())
    assert str(caught.value) == "shape= says which inputs are meant; remove select="
