"""Export script of the adapter ``shapes``: writes the graph that a framework would."""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

parser = argparse.ArgumentParser()
parser.add_argument("--output", required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--random-weights", action="store_true")
parser.add_argument("--checkpoint")
parser.add_argument("--upstream")
parser.add_argument("--opset", type=int, default=13)
given = parser.parse_args()

# Differences along a row: large for stripes, small for a square.
weights = np.zeros((1, 1, 1, 2), np.float32)
weights[0, 0, 0] = (-1, 1)
if given.random_weights:
    weights += np.random.default_rng(given.seed).normal(0, 0.01, weights.shape).astype(np.float32)
nodes = [
    helper.make_node("Conv", ["x", "w"], ["d"], kernel_shape=[1, 2], name="conv"),
    helper.make_node("Abs", ["d"], ["a"], name="abs"),
    helper.make_node("GlobalAveragePool", ["a"], ["m"], name="mean"),
    helper.make_node("Flatten", ["m"], ["f"], name="flat"),
    helper.make_node("Transpose", ["f"], ["t"], name="turn"),
    helper.make_node("Transpose", ["t"], ["u"], name="back"),
    helper.make_node("Sub", ["limit", "u"], ["s"], name="square"),
    helper.make_node("Concat", ["s", "u"], ["y"], axis=1, name="scores"),
]
graph = helper.make_graph(
    nodes,
    "shapes",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    [
        numpy_helper.from_array(weights, "w"),
        numpy_helper.from_array(np.array([[1.0]], np.float32), "limit"),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", given.opset)], ir_version=8)
onnx.save(model, given.output)
print(f"exported at opset {given.opset}")
