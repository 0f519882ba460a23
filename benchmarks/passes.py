"""Measure passes: how the time of each grows with the size of the model.

The models are stretches of a network as exporters write it (convolution with BatchNormalization,
computed shapes, Transposes and Casts there and back, things computed twice), repeated to
5,000 and 20,000 nodes. A pass gets a fresh copy; what counts is the best processor time of some
rounds. Verification is off: benchmarks/verify_cost.py measures that, and benchmarks/simplify.py the
groups beside simplifiers of others.

    python benchmarks/passes.py                       every pass at 5k and 20k nodes, some minutes
    python benchmarks/passes.py fold-shapes cse       only these

Prints a Markdown table and whether the budget holds; exits 1 when it does not.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx_ir as ir

import graphfix_passes
from graphfix.errors import PassError
from graphfix.model import infer_shapes
from graphfix.pipeline import parse, pass_text
from graphfix.plugins import load_registry
from graphfix.rewrite import Pass, PassContext

GROWTH_BUDGET: Final = 4.8
"""For four times the nodes, as for loading and saving."""
TOO_SHORT: Final = 0.005
"""Seconds at 5k nodes below which a pass has only looked for its operators; no growth is held."""
SIZES: Final = (5_000, 20_000)
ALSO: Final = {
    "cast-insert": "cast-insert{to=double,select='op=Relu'}",
    "dynamic-shape": "dynamic-shape{shape=['x:batch,16,8,8']}",
    "opset": "opset{to=13}",
    "out-nodes": "out-nodes{keep=[y]}",
}
"""Passes that do nothing by default."""
APART: Final = ("auto-optimizer", "sim")
"""Tools of their own, in processes of their own."""


class Builder:
    """Makes a graph node by node."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.nodes: list[ir.Node] = []
        self.weights: list[ir.Value] = []

    def op(self, op_type: str, *inputs: ir.Value | None, **attributes: int | list[int]) -> ir.Value:
        """Add a node and return its output."""
        node = ir.node(op_type, inputs, attributes, name=f"{op_type}_{len(self.nodes)}")
        node.outputs[0].name = f"v{len(self.nodes)}"
        self.nodes.append(node)
        return node.outputs[0]

    def constant(self, array: np.ndarray) -> ir.Value:
        """Add an initializer."""
        tensor = ir.tensor(array, name=f"w{len(self.weights)}")
        value = ir.Value(
            name=tensor.name,
            type=ir.TensorType(tensor.dtype),
            shape=ir.Shape(array.shape),
            const_value=tensor,
        )
        self.weights.append(value)
        return value

    def normal(self, *shape: int) -> ir.Value:
        """Add an initializer of small normal numbers."""
        return self.constant((0.1 * self.rng.standard_normal(shape)).astype(np.float32))

    def ints(self, *numbers: int) -> ir.Value:
        """Add a list of int64."""
        return self.constant(np.array(numbers, np.int64))

    def model(self, given: ir.Value, made: ir.Value, shape: ir.Shape | None) -> ir.Model:
        """The model that makes ``made``, a float32 tensor called y, of ``given``."""
        made.name, made.type, made.shape = "y", given.type, shape
        graph = ir.Graph(
            [given],
            [made],
            nodes=self.nodes,
            initializers=self.weights,
            opset_imports={"": 17},
            name="generated",
        )
        model = ir.Model(graph, ir_version=8)
        infer_shapes(model)  # as exporters do, and so that each pass need not
        return model


def images(*shape: int | str) -> ir.Value:
    """A float32 input called x."""
    return ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))


def stretch(build: Builder, value: ir.Value) -> ir.Value:
    """Thirty nodes after ``value``, ``float32[4,16,8,8]``, with something for many passes."""
    ones = build.constant(np.ones(16, np.float32))
    inner = build.op("Conv", value, build.normal(16, 16, 3, 3), build.normal(16), pads=[1] * 4)
    inner = build.op("BatchNormalization", inner, ones, build.normal(16), build.normal(16), ones)
    inner = build.op("Clip", inner, None, build.constant(np.array(6.0, np.float32)))
    inner = build.op("Relu", inner)
    batch = build.op("Gather", build.op("Shape", inner), build.ints(0))
    rest = build.op("Concat", batch, build.ints(16, 64), axis=0)
    flat = build.op("Reshape", inner, rest)
    turned = build.op("Transpose", build.op("Transpose", flat, perm=[0, 2, 1]), perm=[0, 2, 1])
    turned = build.op("Softmax", build.op("Div", turned, build.normal(1)), axis=-1)
    turned = build.op("Cast", build.op("Cast", turned, to=11), to=1)
    turned = build.op("MatMul", turned, build.normal(64, 64))
    turned = build.op("Add", build.op("Identity", turned), build.normal(64))
    mean = build.op("ReduceMean", turned, axes=[-1], keepdims=1)
    centred, again = build.op("Sub", turned, mean), build.op("Sub", turned, mean)
    square = build.op("Mul", centred, again)
    spread = build.op("ReduceMean", square, axes=[-1], keepdims=1)
    spread = build.op("Sqrt", build.op("Add", spread, build.constant(np.array(1e-5, np.float32))))
    turned = build.op("Mul", build.op("Div", centred, spread), build.normal(64))
    sizes = build.op("Concat", batch, build.ints(16, 8, 8), axis=0)
    return build.op("Add", value, build.op("Reshape", turned, sizes))


def network(count: int) -> ir.Model:
    """A model of at least ``count`` nodes; the shape of every value is stated."""
    build = Builder()
    given = images(4, 16, 8, 8)
    value = given
    while len(build.nodes) < count:
        value = stretch(build, value)
    return build.model(given, value, given.shape)


def passes(names: list[str]) -> Iterator[Pass]:
    """The built-in passes, or some of them."""
    registry = load_registry(also={"graphfix-passes": graphfix_passes.PLUGIN})
    for name in names or [n for n in graphfix_passes.PLUGIN.passes if n not in APART]:
        yield from parse(ALSO.get(name, name), registry).passes


def seconds(item: Pass, model: ir.Model, rounds: int) -> tuple[float, str]:
    """Processor seconds of the best round, and what the pass did."""
    best, did = float("inf"), ""
    for _ in range(rounds):
        copy = model.clone()
        started = time.process_time()
        try:
            did = f"{len(item.run(copy, PassContext()).rewrites):,} rewrites"
        except PassError as error:
            did = f"refused: {error}"
        best = min(best, time.process_time() - started)
    return best, did


def growth(items: list[Pass], rounds: int) -> bool:
    """Print the time of each pass at two sizes; return whether all stay within the budget."""
    small, large = (network(count) for count in SIZES)
    print("| pass | 5k nodes | 20k nodes | growth | at 20k nodes | |")
    print("|---|---|---|---|---|---|")
    within = True
    for item in items:
        (few, _), (many, did) = (seconds(item, model, rounds) for model in (small, large))
        held = few >= TOO_SHORT
        fine = not held or many / few <= GROWTH_BUDGET
        within &= fine
        ratio = f"{many / few:.2f}" if held else ""
        verdict = ("holds" if fine else "NO") if held else ""
        cells = (f"`{pass_text(item)}`", f"{few:.3f} s", f"{many:.3f} s", ratio, did, verdict)
        print("|", " | ".join(cells), "|", flush=True)
    return within


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="passes; all but sim without")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    return int(not growth(list(passes(options.names)), options.rounds))


if __name__ == "__main__":
    sys.exit(main())
