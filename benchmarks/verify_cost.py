"""Measure what verifying a pass costs: every rewrite by itself (region) against the whole model.

The unit is one session and one run of the original on all feed sets, with the options verification
uses. Two models are generated: 5,000 small nodes, and ResNet-50 (true topology, random weights).
A pass rebuilds 1, 10, 100 or 20 % of the nodes, spread over the model; `region` and `full` verify
it, from choosing the feeds to the comparison of the whole pipeline. `pass` is the same run without
any verification (building the model, running the pass), and is taken off both. All of it takes
turns, the best of some rounds counts, in processor seconds, which a busy machine disturbs less.

    python benchmarks/verify_cost.py                     both models, some minutes
    python benchmarks/verify_cost.py 5k --rounds 5       one model

Prints a Markdown table and whether the budgets hold; exits 1 when one does not.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.instrumentations import VerifyNumerics
from graphfix.manager import PassManager
from graphfix.pipeline import Pipeline
from graphfix.rewrite import Pass, RewritePass, Rewriter, Skip
from graphfix.runners.onnxruntime import Session
from graphfix.verify import RegionVerifier, Verifier
from graphfix.verify.prepare import prepare
from graphfix.verify.regions import stretch

COUNTS: Final = (1, 10, 100)
WHOLE_BUDGET: Final = 3.0
WHOLE_BUDGET_SHARE: Final = 0.2
"""The budget is for pipelines that change up to this share of the nodes."""
SITES_BUDGET: Final = 0.05 * WHOLE_BUDGET
SITES_BUDGET_NODES: Final = 50


class Builder:
    """Makes a graph node by node."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng(0)
        kind = ir.TensorType(ir.DataType.FLOAT)
        self.input = ir.Value(name="x", type=kind, shape=ir.Shape(shape))
        self.nodes: list[ir.Node] = []
        self.weights: list[ir.Value] = []

    def op(self, op_type: str, *inputs: ir.Value, **attributes: int | list[int]) -> ir.Value:
        """Add a node and return its output."""
        node = ir.node(op_type, inputs, attributes, name=f"{op_type}_{len(self.nodes)}")
        node.outputs[0].name = f"v{len(self.nodes)}"
        self.nodes.append(node)
        return node.outputs[0]

    def weight(self, *shape: int, scale: float, mean: float = 0.0) -> ir.Value:
        """Add an initializer of normal numbers."""
        numbers = mean + scale * self.rng.standard_normal(shape)
        tensor = ir.tensor(numbers.astype(np.float32), name=f"w{len(self.weights)}")
        value = ir.Value(
            name=tensor.name,
            type=ir.TensorType(tensor.dtype),
            shape=ir.Shape(shape),
            const_value=tensor,
        )
        self.weights.append(value)
        return value

    def model(self, output: ir.Value) -> ir.Model:
        """The finished model."""
        output.type = ir.TensorType(ir.DataType.FLOAT)
        graph = ir.Graph(
            [self.input],
            [output],
            nodes=self.nodes,
            initializers=self.weights,
            opset_imports={"": 17},
            name="generated",
        )
        return ir.Model(graph, ir_version=8)


def small_nodes(count: int = 5_000) -> ir.Model:
    """Residual blocks of MatMul, Add, Relu, Mul, Add on ``float32[8,64]``."""
    build = Builder((8, 64))
    value = build.input
    while len(build.nodes) < count:
        inner = build.op("MatMul", value, build.weight(64, 64, scale=0.125))
        inner = build.op("Relu", build.op("Add", inner, build.weight(64, scale=0.1)))
        inner = build.op("Mul", inner, build.weight(64, scale=0.05))
        value = build.op("Add", value, inner)
    return build.model(value)


def resnet50() -> ir.Model:
    """ResNet-50 (v1.5: the stride is in the 3x3), ``float32[1,3,224,224]`` to 1,000 classes."""
    build = Builder((1, 3, 224, 224))

    def conv(value: ir.Value, into: int, out: int, size: int, stride: int = 1) -> ir.Value:
        weight = build.weight(out, into, size, size, scale=(2 / (into * size * size)) ** 0.5)
        pads = [size // 2] * 4
        made = build.op(
            "Conv", value, weight, kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads
        )
        positive = build.weight(out, scale=0.05, mean=1.0)
        zero, one = build.weight(out, scale=0.1), build.weight(out, scale=0.05, mean=1.0)
        return build.op("BatchNormalization", made, positive, zero, zero, one)

    value = build.op("Relu", conv(build.input, 3, 64, 7, 2))
    value = build.op("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    into = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            inner = build.op("Relu", conv(value, into, width, 1))
            inner = build.op("Relu", conv(inner, width, width, 3, stride))
            inner = conv(inner, width, 4 * width, 1)
            inner = build.op("Mul", inner, build.weight(1, scale=0.0, mean=0.2))
            short = value if block else conv(value, into, 4 * width, 1, stride)
            value = build.op("Relu", build.op("Add", inner, short))
            into = 4 * width
    value = build.op("Flatten", build.op("GlobalAveragePool", value))
    weight, bias = build.weight(1000, 2048, scale=0.02), build.weight(1000, scale=0.02)
    return build.model(build.op("Gemm", value, weight, bias, transB=1))


MODELS: Final[dict[str, Callable[[], ir.Model]]] = {"5k": small_nodes, "resnet50": resnet50}


@dataclass(frozen=True)
class Rebuild(RewritePass):
    """Replace some nodes by copies of themselves."""

    name = "rebuild"
    match_ops: ClassVar[tuple[str, ...]] = ()
    contract = Close()

    chosen: frozenset[str] = frozenset()

    def matches(self, node: ir.Node) -> bool:
        """The chosen nodes."""
        return node.name in self.chosen

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
        """A copy."""
        return rw.copy(node)


def measure(work: Callable[[], object]) -> float:
    """Processor seconds of all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


@dataclass
class SiteTime:
    """Counts what is spent on the sites themselves."""

    seconds: float = 0.0

    def timed(self, work: Callable[..., None]) -> Callable[..., None]:
        """The same work, with its time added."""

        def run(*arguments: object) -> None:
            started = time.process_time()
            work(*arguments)
            self.seconds += time.process_time() - started

        return run


@dataclass(frozen=True)
class Row:
    """Best times, in processor seconds."""

    nodes: int
    unit: float
    bare: float
    """The run without verification, which ``region`` and ``full`` hold, too."""
    region: float
    sites: float
    full: float

    def best(self, other: "Row") -> "Row":
        """The best of two rounds."""
        return replace(
            self,
            unit=min(self.unit, other.unit),
            bare=min(self.bare, other.bare),
            region=min(self.region, other.region),
            sites=min(self.sites, other.sites),
            full=min(self.full, other.full),
        )


def bare(model: ir.Model, passes: tuple[Pass, ...]) -> None:
    """Run a pipeline without verifying it."""
    if not PassManager(Pipeline(passes)).run(model.clone).ok:
        raise SystemExit("the pass has failed")


def run(model: ir.Model, passes: tuple[Pass, ...], verifier: Verifier) -> None:
    """Verify a pipeline and see that it passes."""
    numerics = VerifyNumerics(verifier)
    outcome = PassManager(Pipeline(passes), instrumentations=[numerics]).run(model.clone)
    if not outcome.ok or not all(step.passed for step in numerics.steps.values()):
        raise SystemExit(f"not verified: {outcome.failures or numerics.steps}")


def rows(model: ir.Model, rounds: int) -> list[Row]:
    """Measure every count, in turns."""
    feeds = [feed.feed for feed in prepare(model).feeds]

    def unit() -> None:
        session = Session(model)
        for feed in feeds:
            session.run(feed)

    names = [node.name or "" for node in model.graph]
    found: dict[int, Row] = {}
    timed = ("run_waves", "_judge_pass")  # timed from outside, so that they stay as they are
    plain = {name: getattr(stretch, name) for name in timed}
    for _ in range(rounds):
        for count in sorted({*COUNTS, int(WHOLE_BUDGET_SHARE * len(names))}):
            step = len(names) / count
            chosen = frozenset(names[int(k * step + step / 2)] for k in range(count))
            passes = (Rebuild(chosen=chosen),)
            spent = SiteTime()
            for name, work in plain.items():
                setattr(stretch, name, spent.timed(work))
            without = measure(partial(bare, model, passes))
            row = Row(
                count,
                measure(unit),
                without,
                measure(partial(run, model, passes, RegionVerifier())),
                spent.seconds,
                measure(partial(run, model, passes, Verifier())),
            )
            for name, work in plain.items():
                setattr(stretch, name, work)
            found[count] = row.best(found.get(count, row))
    return list(found.values())


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    budgets: list[tuple[str, float, float]] = []
    print("| model | nodes | unit | pass | region | its sites | full | region | full |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.models:
        model = MODELS[name]()
        for row in rows(model, options.rounds):
            region, full = (row.region - row.bare) / row.unit, (row.full - row.bare) / row.unit
            sites = row.sites / row.unit
            seconds = (row.unit, row.bare, row.region, row.sites, row.full)
            cells = (name, row.nodes, *(f"{value:.3f} s" for value in seconds))
            print("|", " | ".join(map(str, cells)), f"| {region:.2f} | {full:.2f} |")
            if row.nodes <= WHOLE_BUDGET_SHARE * len(model.graph):
                budgets.append((f"{name}, {row.nodes} nodes: whole", region, WHOLE_BUDGET))
            if row.nodes <= SITES_BUDGET_NODES:
                budgets.append((f"{name}, {row.nodes} nodes: sites", sites, SITES_BUDGET))
    print("\n| budget, in units | measured | allowed | |\n|---|---|---|---|")
    for text, value, allowed in budgets:
        print(f"| {text} | {value:.3f} | {allowed:g} | {'holds' if value <= allowed else 'NO'} |")
    return int(any(value > allowed for _, value, allowed in budgets))


if __name__ == "__main__":
    sys.exit(main())
