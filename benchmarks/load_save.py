"""Measure load -> rewrite one node -> clean up -> save, against other tools, and ``--help``.

Every measurement is a fresh process that imports first and then starts the clock; memory is the
peak of the whole process, imports included. The tools take turns, the best of some rounds counts.
Budgets of node-bound models are compared with processor time, which a busy machine disturbs less.
Models are generated into a temporary folder.

    python benchmarks/load_save.py                      all cases, about ten minutes and 12 GB
    python benchmarks/load_save.py 5k 20k 100MB help    some cases
    python benchmarks/load_save.py --repeat 5 20k       best of five

Prints a Markdown table and whether the budgets hold; exits 1 when one does not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
MIB: Final = 1 << 20
TOOLS: Final = ("protobuf", "graphsurgeon", "onnx-ir", "graphfix")
PACKAGES: Final = ("onnx", "onnx-graphsurgeon", "onnx-ir")


@dataclass(frozen=True)
class Case:
    """A model to generate."""

    name: str
    nodes: int
    weights: int = 0
    """Number of large weights."""
    weight_bytes: int = 0
    external: bool = False

    @property
    def bytes(self) -> int:
        """Bytes of all large weights together."""
        return self.weights * self.weight_bytes


CASES: Final = {
    case.name: case
    for case in (
        Case("5k", 5_000),
        Case("20k", 20_000),
        Case("80k", 80_000),
        Case("100MB", 200, 50, 2 * MIB),
        Case("1.5GB", 400, 100, 15 * MIB),
        Case("3GiB", 400, 96, 32 * MIB, external=True),
    )
}


@dataclass(frozen=True)
class Result:
    """One tool on one case; times without imports, peak bytes of the process."""

    seconds: float
    cpu: float
    """Seconds of processor time: what is left of a node-bound time on a busy machine."""
    peak: float


def generate(case: Case, folder: Path) -> Path:
    """Write the model: a chain of Add, Relu, Transpose, LeakyRelu and MatMul-like large Adds."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    every = case.nodes // case.weights if case.weights else 0
    nodes, tensors, previous = [], [], "x"
    path = folder / f"{case.name}.onnx"
    noise = random.standard_normal(max(case.weight_bytes // 4, 1), dtype=np.float32)
    data = open(path.with_suffix(".bin"), "wb") if case.external else None  # noqa: SIM115
    for index in range(case.nodes):
        output = "y" if index == case.nodes - 1 else f"v{index}"
        name = f"layer{index // 4}/op_{index}"
        if every and index % every == 0:
            array = np.roll(noise, index)
            tensor = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=array.shape)
            if data is not None:
                tensor.data_location = TensorProto.EXTERNAL
                place = {"location": f"{case.name}.bin", "offset": data.tell()}
                for key, value in (*place.items(), ("length", array.nbytes)):
                    tensor.external_data.add(key=key, value=str(value))
                array.tofile(data)
            else:
                tensor.raw_data = array.tobytes()
            tensors.append(tensor)
            nodes.append(helper.make_node("Add", [previous, tensor.name], [output], name=name))
        elif index % 4 == 0:
            tensors.append(numpy_helper.from_array(random.random(16, dtype="f"), f"w{index}"))
            nodes.append(helper.make_node("Add", [previous, f"w{index}"], [output], name=name))
        elif index % 4 == 1:
            nodes.append(helper.make_node("Relu", [previous], [output], name=name))
        elif index % 4 == 2:
            node = helper.make_node("Softmax", [previous], [output], name=name, axis=-1)
            nodes.append(node)
        else:
            node = helper.make_node("LeakyRelu", [previous], [output], name=name, alpha=0.1)
            nodes.append(node)
        previous = output
    if data is not None:
        data.close()
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, case.name, [x], [y], tensors)
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="benchmark"
    )
    path.write_bytes(model.SerializeToString())
    return path


def protobuf_worker() -> Callable[[Path, Path, bool], None]:
    import onnx

    def work(source: Path, target: Path, external: bool) -> None:
        model = onnx.load(source)
        next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Abs"
        location = f"{target.name}.data" if external else None
        onnx.save(model, target, save_as_external_data=external, location=location)

    return work


def graphsurgeon_worker() -> Callable[[Path, Path, bool], None]:
    import onnx
    import onnx_graphsurgeon as gs

    def work(source: Path, target: Path, external: bool) -> None:
        graph = gs.import_onnx(onnx.load(source))
        next(node for node in graph.nodes if node.op == "Relu").op = "Abs"
        graph.cleanup()
        location = f"{target.name}.data" if external else None
        onnx.save(gs.export_onnx(graph), target, save_as_external_data=external, location=location)

    return work


def edit(model: Any) -> None:
    """Replace the first Relu of an onnx-ir model by an Abs, and remove what is dead."""
    import onnx_ir as ir

    old = next(node for node in model.graph if node.op_type == "Relu")
    new = ir.Node("", "Abs", old.inputs, name=f"{old.name}/Abs_0")
    new.outputs[0].name = f"{old.outputs[0].name}/Abs_0"
    model.graph.insert_after(old, new)
    old.outputs[0].replace_all_uses_with(new.outputs[0])
    for node in reversed(model.graph):
        if not any(value.uses() or value.is_graph_output() for value in node.outputs):
            model.graph.remove(node, safe=True)


def onnx_ir_worker() -> Callable[[Path, Path, bool], None]:
    import onnx_ir as ir

    def work(source: Path, target: Path, external: bool) -> None:
        model = ir.load(source)
        edit(model)
        ir.save(model, target, external_data=f"{target.name}.data" if external else None)

    return work


def graphfix_worker() -> Callable[[Path, Path, bool], None]:
    from graphfix.model import load, save

    def work(source: Path, target: Path, external: bool) -> None:
        model = load(source)
        edit(model)
        save(model, target, external=external)

    return work


WORKERS: Final = {
    "protobuf": protobuf_worker,
    "graphsurgeon": graphsurgeon_worker,
    "onnx-ir": onnx_ir_worker,
    "graphfix": graphfix_worker,
}


def work(tool: str, source: Path, target: Path, external: bool) -> None:
    """Be one measured process: print seconds and peak bytes."""
    worker = WORKERS[tool]()
    start, cpu_start = time.perf_counter(), time.process_time()
    worker(source, target, external)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak_bytes()}))


def peak_bytes() -> int:
    """Return the peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(case: Case, source: Path, repeat: int) -> dict[str, Result | None]:
    """Return the best of ``repeat`` rounds for every tool, None for one that fails."""
    rounds = [{tool: run(tool, case, source) for tool in TOOLS} for _ in range(repeat)]
    best: dict[str, Result | None] = {}
    for tool in TOOLS:
        results = [result for each in rounds if (result := each[tool]) is not None]
        best[tool] = (
            Result(
                min(each.seconds for each in results),
                min(each.cpu for each in results),
                min(each.peak for each in results),
            )
            if results
            else None
        )
    return best


def run(tool: str, case: Case, source: Path) -> Result | None:
    """Measure one tool once, in a process of its own."""
    target = source.with_name(f"{case.name}.{tool}.onnx")
    command = [sys.executable, __file__, "--worker", tool, str(source), str(target)]
    command += ["--external"] if case.external else []
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    for path in (target, target.with_name(f"{target.name}.data")):
        path.unlink(missing_ok=True)
    if done.returncode:
        print(f"{tool} fails on {case.name}: {done.stderr[-300:]}", file=sys.stderr)
        return None
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def environment() -> dict[str, str]:
    """Return the environment of a measured process: this checkout comes first."""
    roots = (str(ROOT), str(ROOT / "passes"), str(ROOT / "model_adapters"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}


def table(results: dict[str, dict[str, Result | None]]) -> list[str]:
    """Return the Markdown table: seconds and peak memory per tool, ratio to protobuf."""
    head = "| model | " + " | ".join(TOOLS) + " | graphfix / protobuf |"
    lines = [head, "|" + "---|" * (len(TOOLS) + 2)]
    for name, row in results.items():
        cells = [
            f"{result.seconds:.2f} s ({result.cpu:.2f}), {result.peak / 1e6:,.0f} MB"
            if result
            else "fails"
            for result in (row[tool] for tool in TOOLS)
        ]
        ours, raw = row["graphfix"], row["protobuf"]
        ratio = f"{ours.seconds / raw.seconds:.2f}" if ours and raw else "–"
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {ratio} |")
    return lines


def budgets(results: dict[str, dict[str, Result | None]]) -> Iterable[tuple[str, float, float]]:
    """Yield every budget that applies, with the measured and the allowed number."""
    for name, row in results.items():
        case, ours, raw = CASES[name], row["graphfix"], row["protobuf"]
        if ours is None or raw is None:
            continue
        if case.bytes >= 100_000_000:
            yield f"{name}: seconds against protobuf", ours.seconds / raw.seconds, 0.30
        else:
            yield f"{name}: processor µs per node", ours.cpu / case.nodes * 1e6, 45
        allowed = 100 + 0.007 * case.nodes
        yield f"{name}: peak MB", ours.peak / 1e6, allowed
    for small, large in (("5k", "20k"), ("20k", "80k")):
        if small in results and large in results:
            before, after = results[small]["graphfix"], results[large]["graphfix"]
            if before and after:
                yield f"{large} / {small}: processor time", after.cpu / before.cpu, 4.8


def help_seconds(repeat: int) -> float:
    """Return the processor time of ``graphfix --help``, process start included."""
    seconds = []
    for _ in range(repeat):
        before = os.times()
        command = [sys.executable, str(ROOT / "cli.py"), "--help"]
        subprocess.run(command, check=True, capture_output=True, env=environment())
        after = os.times()
        user = after.children_user - before.children_user
        seconds.append(user + after.children_system - before.children_system)
    return min(seconds)


def main() -> int:
    """Run what the command line asks for."""
    names = [*CASES, "help"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(names)}")
    parser.add_argument("--repeat", type=int, default=3, help="runs below 1 GB (default: 3)")
    parser.add_argument("--folder", type=Path, help="where models are generated")
    options = parser.parse_args()
    chosen = options.cases or names
    if unknown := set(chosen) - set(names):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    results: dict[str, dict[str, Result | None]] = {}
    for name in (name for name in chosen if name in CASES):
        case = CASES[name]
        repeat = options.repeat if case.bytes < 1e9 else 1
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            source = generate(case, Path(folder))
            results[name] = measure(case, source, repeat)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    print(f"Python {sys.version.split()[0]}, {versions}, {os.cpu_count()} cores\n")
    limits = list(budgets(results))
    if results:
        print("Seconds, processor seconds in brackets, and peak memory of the process:\n")
        print("\n".join(table(results)), end="\n\n")
    if "help" in chosen:
        limits.append(("--help: processor seconds", help_seconds(options.repeat), 0.15))
    print("| budget | measured | allowed | |\n|---|---|---|---|")
    for what, measured, allowed in limits:
        verdict = "holds" if measured <= allowed else "**exceeded**"
        print(f"| {what} | {measured:.3g} | {allowed:.3g} | {verdict} |")
    return int(any(measured > allowed for _, measured, allowed in limits))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), "--external" in sys.argv)
    else:
        sys.exit(main())
