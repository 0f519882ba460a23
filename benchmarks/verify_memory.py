"""Measure the memory that verification takes while the weights stay in their file.

A model of MatMul and Relu is generated, ``float32[N,2048]`` to ``float32[N,2048]``, with 96 weights
of 32 MiB (3 GiB) in a data file beside it. A process of its own loads it, runs a pass that rebuilds
some of its nodes, verifies every rewrite and the whole, and saves the result. Anonymous memory is
what the process took for itself; mapped memory is what the system may take back at any time.

    python benchmarks/verify_memory.py [--weights 96] [--folder DIR]

Linux only. Prints a Markdown table and whether the budget holds; exits 1 when it does not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

WIDTH: Final = 2048
HIDDEN: Final = 4096
ROOT: Final = Path(__file__).resolve().parents[1]
BUDGET_MB: Final = 100
"""Allowed above the imports and the cached values of the borders."""


def generate(folder: Path, weights: int) -> Path:
    """Write the model; weights alternate between 2048x4096 and 4096x2048."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    random = np.random.default_rng(0)
    path = folder / "mlp.onnx"
    nodes, tensors, previous = [], [], "x"
    with path.with_suffix(".bin").open("wb") as data:
        for index in range(weights):
            shape = (WIDTH, HIDDEN) if index % 2 == 0 else (HIDDEN, WIDTH)
            numbers = random.standard_normal(shape, dtype=np.float32) * (2 / shape[0]) ** 0.5
            tensor = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": "mlp.bin", "offset": data.tell(), "length": numbers.nbytes}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
            numbers.astype(np.float32).tofile(data)
            tensors.append(tensor)
            output = "y" if index == weights - 1 else f"v{index}"
            nodes.append(helper.make_node("MatMul", [previous, f"w{index}"], [f"m{index}"]))
            nodes.append(helper.make_node("Relu", [f"m{index}"], [output], name=f"Relu_{index}"))
            previous = output
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", None])],
        tensors,
    )
    onnx.save(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path
    )
    return path


def work(source: Path, count: int, verify: bool) -> None:
    """Be the measured process."""
    import onnx_ir as ir
    import onnxruntime  # noqa: F401  # its own memory is not the verifier's

    from graphfix.contract import Exact
    from graphfix.pipeline import Pipeline
    from graphfix.rewrite import RewritePass, Rewriter, Skip
    from graphfix.stages.apply import ApplyRequest, apply
    from graphfix.verify import Mode

    @dataclass(frozen=True)
    class Rebuild(RewritePass):
        """Replace the first MatMuls by copies of themselves."""

        name = "rebuild"
        match_ops: ClassVar[tuple[str, ...]] = ("MatMul",)
        contract = Exact()

        def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip:
            """A copy."""
            name = node.outputs[0].name or ""
            return rw.copy(node) if name[1:].isdigit() and int(name[1:]) < count else Skip("later")

    before = anonymous()
    peak = Peak()
    started = time.perf_counter()
    mode = Mode.REGION if verify else Mode.OFF
    target = source.with_name("out.onnx")
    report = apply(ApplyRequest(source, Pipeline((Rebuild(),)), output=target, verify=mode))
    seconds = time.perf_counter() - started
    if not report.ok:
        raise SystemExit(f"not verified: {report.why_not}")
    print(json.dumps({"seconds": seconds, "imports": before, **peak.stop()}))


def anonymous(field: str = "RssAnon") -> int:
    """Bytes of this process that no file stands behind (or another line of its status)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/self/status does not tell the memory of the process")


class Peak(threading.Thread):
    """Watches the memory of its process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous = self.mapped = 0
        self.done = threading.Event()
        self.start()

    def run(self) -> None:
        """Look every 5 ms."""
        while not self.done.wait(0.005):
            self.anonymous = max(self.anonymous, anonymous())
            self.mapped = max(self.mapped, anonymous("RssFile"))

    def stop(self) -> dict[str, int]:
        """The highest values seen, in bytes."""
        self.done.set()
        self.join()
        return {"anonymous": self.anonymous, "mapped": self.mapped}


def measure(source: Path, count: int, verify: bool) -> dict[str, float]:
    """Run the measured process."""
    command = [sys.executable, __file__, "--worker", str(source), str(count)]
    roots = os.pathsep.join(str(ROOT / part) for part in ("", "passes", "model_adapters"))
    done = subprocess.run(
        command + ["--verify"] * verify,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": roots},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=int, default=96, help="Weights of 32 MiB; default 96.")
    parser.add_argument("--folder", type=Path, help="Where to put the model for a while.")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--verify", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(Path(options.worker[0]), int(options.worker[1]), options.verify)
        return 0
    holds = True
    print("| rewrites | verified | seconds | anonymous MB above the imports | mapped MB | |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source = generate(Path(folder), options.weights)
        for count, verify in ((1, False), (1, True), (options.weights // 5, True)):
            found = measure(source, count, verify)
            above = (found["anonymous"] - found["imports"]) / 1e6
            holds &= above <= BUDGET_MB
            print(
                f"| {count} | {'yes' if verify else 'no'} | {found['seconds']:.1f} | {above:.0f} "
                f"| {found['mapped'] / 1e6:,.0f} | {'holds' if above <= BUDGET_MB else 'NO'} |"
            )
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
