"""Measure ``graphfix audit`` on generated graphs: seconds beside loading, and growth with size.

    python benchmarks/audit.py              5,000 and 20,000 nodes
    python benchmarks/audit.py 80000        other sizes

Best of three in one process. Prints a Markdown table; exits 1 when 20,000 nodes take 2 s or more
beside loading, or the time grows faster than the graph by a fifth.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from graphfix.audit import audit, builtin_rules
from graphfix.model import infer_shapes, load
from graphfix.target import load_profile

BUDGET: Final = 2.0
"""Seconds for 20,000 nodes."""

GROWTH: Final = 1.2
"""Times by which the seconds per node may differ between the smallest and the largest graph."""


def model(nodes: int) -> onnx.ModelProto:
    """Blocks of Conv, Relu, Transpose, Add and MaxPool, one after the other."""
    made: list[onnx.NodeProto] = []
    value = "x"
    pads: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    for k in range(nodes // 5):
        made += [
            helper.make_node("Conv", [value, "w"], [f"c{k}"], name=f"conv_{k}", **pads),
            helper.make_node("Relu", [f"c{k}"], [f"r{k}"], name=f"relu_{k}"),
            helper.make_node("Transpose", [f"r{k}"], [f"t{k}"], name=f"t_{k}", perm=[0, 1, 3, 2]),
            helper.make_node("Add", [f"t{k}", f"r{k}"], [f"a{k}"], name=f"add_{k}"),
            helper.make_node("MaxPool", [f"a{k}"], [f"p{k}"], name=f"pool_{k}", **pads),
        ]
        value = f"p{k}"
    graph = helper.make_graph(
        made,
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8, 16, 16])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((8, 8, 3, 3), np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def measure(path: Path) -> tuple[float, float, float]:
    """Seconds to load, to infer shapes, and to run all rules; the best of three."""
    profile, rules = load_profile("Ascend310P3", "8.5"), builtin_rules().values()
    best = (float("inf"), float("inf"), float("inf"))
    for _ in range(3):
        times = [time.perf_counter()]
        graph = load(path)
        times.append(time.perf_counter())
        infer_shapes(graph)
        times.append(time.perf_counter())
        audit(graph, profile, rules, path)
        times.append(time.perf_counter())
        start, loaded, inferred, done = times
        best = min(best, (loaded - start, inferred - loaded, done - inferred), key=sum)
    return best


def main() -> int:
    """Print the table and say whether the budgets hold."""
    sizes = [int(text) for text in sys.argv[1:]] or [5_000, 20_000]
    print("| nodes | load s | shapes s | rules s | µs per node |")
    print("|---|---|---|---|---|")
    per_node = []
    held = True
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model(size).SerializeToString())
            loading, shapes, rules = measure(path)
            per_node.append((shapes + rules) / size * 1e6)
            print(f"| {size} | {loading:.2f} | {shapes:.2f} | {rules:.2f} | {per_node[-1]:.0f} |")
            held &= size != 20_000 or shapes + rules < BUDGET
    held &= per_node[-1] <= GROWTH * per_node[0]
    print("budgets hold" if held else "OVER BUDGET")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
