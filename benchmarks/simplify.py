"""Measure the groups ``cleanup`` and ``simplify`` beside other simplifiers, each from file to file.

The models are the network of benchmarks/passes.py with 1,000, 5,000 and 20,000 nodes, ResNet-50 and
ViT-B/16 (true topologies, random weights, written as an exporter writes them). Every tool runs with
its defaults in a process of its own; time counts from the end of the imports to the saved file,
and is the median of five runs where one takes less than half a minute.
graphfix does not verify here. Each result is run in onnxruntime and compared with the model before.

    uv run --group bench python -m benchmarks.simplify              all models, half an hour
    uv run --group bench python -m benchmarks.simplify 5k vit       some models
    python -m benchmarks.simplify --tools PYTHON                    PYTHON has the other tools

Prints Markdown tables and whether the budgets hold; exits 1 when one does not.
"""

import argparse
import json
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import onnx_ir as ir

from benchmarks.passes import Builder, images, network
from benchmarks.verify_cost import resnet50
from graphfix.errors import GraphfixError
from graphfix.model import infer_shapes, load, save
from graphfix.runners.onnxruntime import Session

SIMPLIFY, SLIM, SIM = "graphfix simplify", "onnxslim", "onnxsim"
FASTER_THAN_SLIM: Final = {"5k": 20.0, "20k": 100.0}
MORE_NODES_THAN_SLIM: Final = 1.01
ROUNDS: Final = 5
QUICK: Final = 30.0
"""Tools that need fewer processor seconds run in several rounds; the median counts."""
DIFFERENT: Final = 1e-3
"""A difference, relative to the largest number of the output, that counts as equal in any case."""
NOISE: Final = 10
"""So many times what one more bit in the inputs changes counts as equal, too."""
BATCH: Final = 2

_OWN: Final = """
import onnxruntime, graphfix_passes
from graphfix.manager import PassManager
from graphfix.model import load, paused_gc, save
from graphfix.pipeline import parse
from graphfix.plugins import load_registry
registry = load_registry(also={{"graphfix-passes": graphfix_passes.PLUGIN}})
manager = PassManager(parse({group!r}, registry))
def work():
    with paused_gc():
        outcome = manager.run(lambda: load(source))
        assert outcome.ok, outcome.failures
        save(outcome.model, target)
"""
_OTHER: Final = """
import onnx, {module}
def work():
    onnx.save({call}, target)
"""
_CHILD: Final = """
import json, os, resource, sys, time
source, target, code, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 1))
exec(code)
started, spent = time.monotonic(), time.process_time()
work()
seconds, spent = time.monotonic() - started, time.process_time() - spent
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if os.path.exists("/proc/self/status"):  # else it is at least what the parent had
    (peak,) = [int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line]
print(json.dumps([seconds, spent, peak / 1000]))
"""
"""Seconds, processor seconds of all threads, and peak memory in MB of this one process."""

_VERSIONS: Final = """
import importlib.metadata, sys
found = {d.name: d.version for d in importlib.metadata.distributions()}
print(", ".join(f"{name} {found[name]}" for name in sys.argv[1:] if name in found))
"""

OTHERS: Final = {
    SIM: ("onnxsim", "onnxsim.simplify(onnx.load(source))[0]"),
    SLIM: ("onnxslim", "onnxslim.slim(onnx.load(source))"),
    "onnxscript": ("onnxscript.optimizer", "onnxscript.optimizer.optimize(onnx.load(source))"),
    "onnxoptimizer": ("onnxoptimizer", "onnxoptimizer.optimize(onnx.load(source))"),
}


def vit() -> ir.Model:
    """ViT-B/16 for ``float32[N,3,224,224]`` and 1,000 classes, sizes computed from Shapes."""
    build, given = Builder(), images("N", 3, 224, 224)
    width, heads, tokens = 768, 12, 197
    patches = build.op(
        "Conv", given, build.normal(width, 3, 16, 16), build.normal(width), strides=[16, 16]
    )
    rows = build.op("Reshape", patches, _shape(build, patches, width, -1))
    rows = build.op("Transpose", rows, perm=[0, 2, 1])
    first = build.op("Expand", build.normal(1, 1, width), _shape(build, rows, 1, width))
    value = build.op("Concat", first, rows, axis=1)
    value = build.op("Add", value, build.normal(1, tokens, width))
    for _ in range(12):
        value = build.op("Add", _attention(build, _norm(build, value, width), heads, width), value)
        inner = _linear(build, _norm(build, value, width), width, 4 * width)
        halves = build.op("Erf", build.op("Div", inner, _number(build, 2**0.5)))
        inner = build.op("Mul", inner, build.op("Add", halves, _number(build, 1)))
        inner = build.op("Mul", inner, _number(build, 0.5))
        value = build.op("Add", value, _linear(build, inner, 4 * width, width))
    chosen = build.op(
        "Gather", _norm(build, value, width), build.constant(np.array(0, np.int64)), axis=1
    )
    made = build.op("Gemm", chosen, build.normal(1000, width), build.normal(1000), transB=1)
    return build.model(given, made, ir.Shape(["N", 1000]))


def _number(build: Builder, number: float) -> ir.Value:
    return build.constant(np.array(number, np.float32))


def _shape(build: Builder, value: ir.Value, *sizes: int) -> ir.Value:
    """The batch of ``value``, and these sizes."""
    zero = build.constant(np.array(0, np.int64))
    batch = build.op("Gather", build.op("Shape", value), zero, axis=0)
    parts = [build.op("Unsqueeze", batch, build.ints(0)), *map(build.ints, sizes)]
    return build.op("Concat", *parts, axis=0)


def _norm(build: Builder, value: ir.Value, width: int) -> ir.Value:
    """LayerNormalization as the operators it is made of."""
    centred = build.op("Sub", value, build.op("ReduceMean", value, axes=[-1]))
    square = build.op("ReduceMean", build.op("Pow", centred, _number(build, 2)), axes=[-1])
    spread = build.op("Sqrt", build.op("Add", square, _number(build, 1e-6)))
    scaled = build.op("Mul", build.op("Div", centred, spread), build.normal(width))
    return build.op("Add", scaled, build.normal(width))


def _linear(build: Builder, value: ir.Value, into: int, out: int) -> ir.Value:
    """A layer whose weight is stored by columns."""
    weight = build.op("Transpose", build.normal(out, into), perm=[1, 0])
    return build.op("Add", build.normal(out), build.op("MatMul", value, weight))


def _attention(build: Builder, value: ir.Value, heads: int, width: int) -> ir.Value:
    parts = _linear(build, value, width, 3 * width)
    parts = build.op("Reshape", parts, _shape(build, value, -1, 3, heads, width // heads))
    parts = build.op("Transpose", parts, perm=[2, 0, 3, 1, 4])
    numbers = [build.constant(np.array(k, np.int64)) for k in range(3)]
    query, key, content = (build.op("Gather", parts, number, axis=0) for number in numbers)
    key = build.op("Transpose", key, perm=[0, 1, 3, 2])
    root = build.op("Sqrt", build.op("Sqrt", _number(build, width // heads)))
    scores = build.op("MatMul", build.op("Div", query, root), build.op("Div", key, root))
    mixed = build.op("MatMul", build.op("Softmax", scores, axis=-1), content)
    mixed = build.op("Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = build.op("Reshape", mixed, _shape(build, value, -1, width))
    return _linear(build, mixed, width, width)


def resnet() -> ir.Model:
    """ResNet-50 with the shape of its output, which onnxsim insists on."""
    model = resnet50()
    infer_shapes(model)
    return model


MODELS: Final[Mapping[str, Callable[[], ir.Model]]] = {
    "1k": partial(network, 1_000),
    "5k": partial(network, 5_000),
    "20k": partial(network, 20_000),
    "resnet50": resnet,
    "vit": vit,
}


@dataclass(frozen=True)
class Row:
    """What one tool did with one model; what it did not get to is None."""

    failure: str = ""
    seconds: float | None = None
    spent: float | None = None
    """Processor seconds; the limit where the tool was stopped."""
    memory: float | None = None
    nodes: int | None = None
    foreign: int | None = None
    difference: float | None = None

    def __str__(self) -> str:
        if self.failure:
            return f"{self.failure} | | | | | |"
        equal = "" if self.difference is None else f"{self.difference:.0e}"
        return (
            f"{self.seconds:.2f} | {self.spent:.2f} | {self.memory:,.0f} | {self.nodes:,} | "
            f"{self.foreign} | {equal} |"
        )


def outputs(path: Path, factor: float = 1) -> np.ndarray:
    """The first output for seeded inputs, which are multiplied by ``factor``."""
    session = Session(load(path))
    rng = np.random.default_rng(0)
    feeds = {
        name: factor * rng.standard_normal([d if isinstance(d, int) else BATCH for d in dims])
        for name, _, dims in session.inputs
    }
    feeds = {name: feed.astype(np.float32) for name, feed in feeds.items()}
    (result, *_) = session.run(feeds).values()
    return np.asarray(result, np.float64)


def measure(program: str, code: str, source: Path, target: Path, limit: int) -> Row:
    """Run a tool, and look at what it made."""
    target.unlink(missing_ok=True)
    command = [program, "-c", _CHILD, str(source), str(target), code, str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if -done.returncode == signal.SIGXCPU:
        return Row(f"stopped after {limit} processor seconds", spent=float(limit))
    if done.returncode or not target.exists():
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return Row(f"failed: {reason[:100]}")
    seconds, spent, memory = json.loads(done.stdout.strip().splitlines()[-1])
    nodes = [node for node in load(target).graph.all_nodes() if node.op_type != "Constant"]
    foreign = sum(node.domain not in ("", "ai.onnx") for node in nodes)
    return Row("", seconds, spent, memory, len(nodes), foreign)


def middle(row: Row, runs: Sequence[Row]) -> Row:
    """The row with the median of the times, or a run that failed."""
    if failed := [run for run in runs if run.failure]:
        return failed[0]
    times = sorted((run.spent or 0.0, run.seconds or 0.0) for run in runs)
    spent, seconds = times[len(times) // 2]
    return replace(row, spent=spent, seconds=seconds)


def compared(row: Row, target: Path, expected: np.ndarray) -> Row:
    """The row with the difference from the model before."""
    if row.failure:
        return row
    try:
        found = outputs(target)
    except GraphfixError as error:
        return Row(f"does not run: {str(error)[:100]}")
    return replace(row, difference=distance(found, expected))


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest number."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def run(
    name: str, python: str, limit: int, without: Collection[str]
) -> tuple[dict[str, Row], float]:
    """Print a row for each tool; return them, and which difference counts as equal."""
    rivals = {
        f"graphfix {g}": (sys.executable, _OWN.format(group=g)) for g in ("cleanup", "simplify")
    }
    for tool, (module, call) in OTHERS.items():
        if tool in without:
            continue
        rivals[tool] = (python, _OTHER.format(module=module, call=call))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.onnx"), Path(folder, "target.onnx")
        model = MODELS[name]()
        save(model, source)
        count = sum(1 for _ in model.graph)
        expected = outputs(source)
        noise = distance(outputs(source, 1 + 2**-23), expected)
        for tool, (program, code) in rivals.items():
            row = measure(program, code, source, target, limit)
            rows[tool] = compared(row, target, expected)
        quick = [tool for tool, row in rows.items() if row.spent is not None and row.spent < QUICK]
        runs = {tool: [rows[tool]] for tool in quick}
        for _ in range(ROUNDS - 1):
            for tool in quick:  # in turns, as the machine is not equally fast all the time
                runs[tool].append(measure(*rivals[tool], source, target, limit))
        for tool, several in runs.items():
            rows[tool] = middle(rows[tool], several)
    for tool, row in rows.items():
        print(f"| {name} | {count:,} | {tool} | {row}", flush=True)
    return rows, max(DIFFERENT, NOISE * noise)


def budgets(
    name: str, rows: Mapping[str, Row], equal: float
) -> Iterator[tuple[str, str, str, bool]]:
    """What is held, what was measured, what is allowed, and whether it holds."""
    own, slim, sim = rows[SIMPLIFY], rows.get(SLIM, Row()), rows.get(SIM, Row())
    if own.spent is None or own.nodes is None:
        yield f"{name}: result", own.failure, "one", False
        return
    for tool, row in rows.items():
        if tool.startswith("graphfix"):
            what, foreign = f"{name}: {tool}", row.foreign or 0
            yield f"{what}: operators outside ai.onnx", str(foreign), "0", foreign == 0
            difference = float("inf") if row.difference is None else row.difference
            yield f"{what}: difference", f"{difference:.0e}", f"{equal:.0e}", difference <= equal
    if slim.spent is not None and name in FASTER_THAN_SLIM:
        ratio, least = slim.spent / own.spent, FASTER_THAN_SLIM[name]
        found = f"{'more than ' if slim.failure else ''}{ratio:.1f}"
        yield f"{name}: times as fast as onnxslim", found, f"{least:g}", ratio >= least
    if sim.spent is not None:
        ratio = own.spent / sim.spent
        yield f"{name}: time, onnxsim's being 1", f"{ratio:.2f}", "1", ratio <= 1
    if slim.nodes is not None:
        ratio, most = own.nodes / slim.nodes, MORE_NODES_THAN_SLIM
        yield f"{name}: nodes, onnxslim's being 1", f"{ratio:.3f}", f"{most:g}", ratio <= most


def versions(python: str) -> str:
    """Of Python, and of what that interpreter has of the tools."""
    names = ("onnx", "onnx-ir", "onnxruntime", "onnxsim", "onnxslim", "onnxscript", "onnxoptimizer")
    done = subprocess.run([python, "-c", _VERSIONS, *names], capture_output=True, text=True)
    return f"Python {platform.python_version()}, {done.stdout.strip()}"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", help=f"of {', '.join(MODELS)}; all without")
    parser.add_argument("--tools", metavar="PYTHON", default=sys.executable)
    parser.add_argument(
        "--without", nargs="*", default=(), choices=OTHERS, help="tools to leave out"
    )
    parser.add_argument("--limit", type=int, default=600, help="processor seconds for one tool")
    options = parser.parse_args()
    names = options.models or list(MODELS)
    if unknown := [name for name in names if name not in MODELS]:
        parser.error(f"there is no model {unknown[0]}")
    print(versions(options.tools), "\n")
    print(
        "| model | nodes | tool | seconds | processor s | peak MB | left | foreign | difference |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    rows = {name: run(name, options.tools, options.limit, options.without) for name in names}
    print("\n| budget | measured | allowed | |\n|---|---|---|---|")
    within = True
    for name in names:
        for what, measured, allowed, fine in budgets(name, *rows[name]):
            within &= fine
            print(f"| {what} | {measured} | {allowed} | {'holds' if fine else 'NO'} |")
    return int(not within)


if __name__ == "__main__":
    sys.exit(main())
