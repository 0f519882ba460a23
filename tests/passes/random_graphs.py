"""Random graphs around a pattern, and what must hold of every pass that meets them.

A property test is a function that grows the pattern and one call::

    def transposes(grow: Grower) -> Sequence[ir.Value]:
        x = grow.input((2, 3, 4))
        first = grow.op("Transpose", x, perm=grow.permutation(3))
        return [grow.op("Transpose", first, perm=grow.permutation(3))]

    def test_whatever_stands_around_transposes() -> None:
        hold(TransposeMerge(), transposes)

The grower puts around it what passes overlook: values that are graph outputs or captured by a
branch, constants in every form and shared, symbolic dims, shapes that nobody has stated.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import hypothesis.strategies as st
import numpy as np
import onnx_ir as ir
from hypothesis import HealthCheck, given, reject, settings

from graphfix.contract import Interface
from graphfix.model import infer_shapes, to_text
from graphfix.rewrite import PassContext
from graphfix.rewrite.base import Pass
from graphfix.rewrite.rewriter import AttrValue, as_attribute
from graphfix.runners.onnxruntime import NotRunnable, Session
from graphfix.verify import problems, structure
from graphfix.verify.compare import compare
from graphfix.verify.tolerance import tolerance

T = TypeVar("T")
DType = type[np.generic] | type[object]
"""The latter is what type checkers see in a choice of scalar types."""
Arrays = Mapping[str, np.ndarray]
Grow = Callable[["Grower"], Sequence[ir.Value]]
OPSETS = (9, 11, 13, 17, 18, 21)
_INTERESTING = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0)


@dataclass
class Grown:
    """A model and what to feed it."""

    model: ir.Model
    feeds: dict[str, np.ndarray]


@dataclass
class Grower:
    """Grows one graph; every choice is hypothesis' own."""

    data: st.DataObject
    opset: int = 0
    feeds: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[ir.Value] = field(default_factory=list)
    nodes: list[ir.Node] = field(default_factory=list)
    initializers: list[ir.Value] = field(default_factory=list)
    values: list[ir.Value] = field(default_factory=list)
    """What the nodes make."""

    # Choices

    def draw(self, strategy: st.SearchStrategy[T]) -> T:
        """One choice."""
        return self.data.draw(strategy)

    def one_of(self, *items: T) -> T:
        """One of the items; the first is the plainest."""
        return self.draw(st.sampled_from(items))

    def number(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        return self.draw(st.integers(low, high))

    def chance(self, percent: int) -> bool:
        """True this often."""
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def shape(self, min_rank: int = 0, max_rank: int = 4, max_size: int = 4) -> tuple[int, ...]:
        """Sizes of at least 1."""
        sizes = st.lists(st.integers(1, max_size), min_size=min_rank, max_size=max_rank)
        return tuple(self.draw(sizes))

    def permutation(self, rank: int) -> tuple[int, ...]:
        """An order of axes."""
        return tuple(self.draw(st.permutations(range(rank))))

    # Values

    def input(
        self, shape: Sequence[int], dtype: DType = np.float32, *, symbolic: bool = True
    ) -> ir.Value:
        """A graph input of this shape; its dims may be declared by symbols."""
        rng = np.random.default_rng(self.number(0, 99))
        kind = np.dtype(dtype).kind
        array: np.ndarray
        if kind == "f":
            array = rng.choice(_INTERESTING, shape) + rng.normal(size=shape) * self.number(0, 1)
        else:
            array = rng.integers(0 if kind in "ub" else -4, 2 if kind == "b" else 5, shape)
        return self.feed(np.asarray(array).astype(dtype), symbolic=symbolic)

    def feed(self, array: np.ndarray, *, symbolic: bool = True) -> ir.Value:
        """A graph input that gets this array."""
        name = f"x{len(self.inputs)}"
        dims: list[int | str] = list(array.shape)
        for axis in range(len(dims)) if symbolic and self.chance(30) else ():
            if self.chance(50):
                dims[axis] = f"{name}_{axis}"
        self.feeds[name] = array
        self.inputs.append(_typed(name, array.dtype, dims))
        return self.inputs[-1]

    def const(self, data: Any, dtype: DType = np.float32) -> ir.Value:
        """A constant in one of its forms; now and then something that is none."""
        array = np.asarray(data, dtype)
        form = self.draw(st.sampled_from(("plain",) * 5 + ("node", "same", "default", "fed")))
        if form == "fed":
            return self.feed(array, symbolic=False)
        tensor = ir.tensor(array)
        if form == "node":
            return self.op("Constant", value=ir.AttrTensor("value", tensor))
        value = _typed(f"c{len(self.initializers)}", array.dtype, array.shape)
        value.const_value = tensor
        self.initializers.append(value)
        if form == "default":
            self.inputs.append(value)
        return self.op("Identity", value) if form == "same" else value

    def maybe_shared(self, value: ir.Value) -> ir.Value:
        """The value, sometimes with another reader."""
        if self.chance(30):
            self.op("Identity", value)
        return value

    def op(self, op_type: str, *inputs: ir.Value | None, **attributes: AttrValue) -> ir.Value:
        """A node with one output."""
        return self.ops(op_type, *inputs, outputs=1, **attributes)[0]

    def ops(
        self, op_type: str, *inputs: ir.Value | None, outputs: int, **attributes: AttrValue
    ) -> Sequence[ir.Value]:
        """A node, with a name or without one."""
        node = ir.Node(
            "",
            op_type,
            inputs,
            [as_attribute(key, value) for key, value in attributes.items()],
            num_outputs=outputs,
            name=self.one_of(f"n{len(self.nodes)}", None),
        )
        for value in node.outputs:
            value.name = f"v{len(self.values)}"
            self.values.append(value)
        self.nodes.append(node)
        return node.outputs

    def with_ints(
        self, op_type: str, *inputs: ir.Value | None, since: int, **ints: Sequence[int]
    ) -> ir.Value:
        """A node whose lists of integers are attributes before opset ``since``, inputs later."""
        if self.opset < since:
            return self.op(op_type, *inputs, **{key: tuple(value) for key, value in ints.items()})
        return self.op(op_type, *inputs, *(self.const(v, np.int64) for v in ints.values()))

    def unary(self, value: ir.Value) -> ir.Value:
        """Some operator in between, or none."""
        op_type = self.one_of("", "Neg", "Abs", "Identity")
        return self.op(op_type, value) if op_type else value

    # The whole

    def grown(self, results: Sequence[ir.Value]) -> Grown:
        """The graph with these outputs, and with some more."""
        more = [v for v in self.values if v not in results and self.chance(10)]
        captured = [value for value in self.values if self.chance(5)]
        outputs = [*dict.fromkeys((*results, *more)), *self._branches(captured)]
        outputs = [self.op("Identity", v) if v.producer() is None else v for v in outputs]
        graph = ir.Graph(
            self.inputs,
            outputs,
            nodes=self.nodes,
            initializers=self.initializers,
            opset_imports={"": self.opset},
            name="main",
        )
        model = ir.Model(graph, ir_version=8 if self.opset < 21 else 10)
        infer_shapes(model)
        if any(value.type is None for value in outputs):
            reject()
        stated = self.one_of("all", "types", "none")
        for value in self.values:
            if value not in outputs and stated != "all":
                value.shape = None
                value.type = value.type if stated == "types" else None
        return Grown(model, self.feeds)

    def _branches(self, captured: Sequence[ir.Value]) -> list[ir.Value]:
        """Results of an If whose branches read the values from outside."""
        if not captured:
            return []
        condition = self.feed(np.array(self.draw(st.booleans())), symbolic=False)
        branches = []
        for name in ("then_branch", "else_branch"):
            nodes = [ir.Node("", "Identity", [value]) for value in captured]
            for number, node in enumerate(nodes):
                node.outputs[0].name = f"{name}_{number}"
            outputs = [node.outputs[0] for node in nodes]
            graph = ir.Graph([], outputs, nodes=nodes, name=name)
            branches.append(ir.AttrGraph(name, graph))
        return list(
            self.ops("If", condition, outputs=len(captured), **{b.name: b for b in branches})
        )


def _typed(name: str, dtype: np.dtype[Any], dims: Sequence[int | str]) -> ir.Value:
    type_ = ir.TensorType(ir.DataType.from_numpy(dtype))
    return ir.Value(name=name, type=type_, shape=ir.Shape(dims))


def hold(
    item: Pass,
    grow: Grow,
    *,
    opsets: Sequence[int] = OPSETS,
    examples: int = 60,
    least: float = 0.1,
) -> None:
    """Run ``item`` on random graphs: it skips, or the result is valid, equal, and final.

    ``least`` is the share of graphs that must see a rewrite, lest the test says nothing.
    """
    count: Counter[bool] = Counter()

    @settings(
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(st.data(), st.sampled_from(tuple(opsets)))
    def check(data: st.DataObject, opset: int) -> None:
        grower = Grower(data, opset)
        count[hold_once(item, grower.grown(grow(grower)))] += 1

    check()
    share = count[True] / max(1, sum(count.values()))
    assert share >= least, f"{item.name} rewrote only {share:.0%} of the graphs"


def hold_once(item: Pass, grown: Grown) -> bool:
    """Run ``item`` on one graph; return whether it changed it.

    Raises:
        AssertionError: the pass broke its promise.
    """
    before = _numbers(grown.model, grown.feeds)
    if before is None:
        reject()
    text = to_text(grown.model)
    result = item.run(grown.model.clone(), PassContext())
    structure(result.model, known=list(problems(grown.model)))
    once = to_text(result.model)
    assert to_text(grown.model) == text, "the pass reached into another copy of the model"
    assert result.rewrites or once == text, "changed, but not reported"
    assert isinstance(result.contract, Interface) or _interface(result.model) == _interface(
        grown.model
    )
    after = _numbers(result.model, grown.feeds)
    assert after is not None, "the result cannot be run"
    for name, array in before.items():
        allowed = tolerance([result.contract], array.dtype)
        compared = compare(name, array, after[name], allowed)
        assert compared.passed, compared.why
    again = item.run(result.model, PassContext())
    assert not again.rewrites, "a second run rewrites again"
    assert to_text(again.model) == once, "a second run changes the graph again"
    return bool(result.rewrites)


def _numbers(model: ir.Model, feeds: Arrays) -> dict[str, np.ndarray] | None:
    try:
        found = Session(model, threads=1).run(feeds)
    except NotRunnable:
        return None
    return {name: np.asarray(array) for name, array in found.items()}


def _interface(model: ir.Model) -> list[tuple[str | None, object, object]]:
    return [(v.name, v.type, v.shape) for v in (*model.graph.inputs, *model.graph.outputs)]
