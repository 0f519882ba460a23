"""Operators with weights and a bias: what passes that fold something into them share."""

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip, node_label

LINEAR = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class Linear:
    """One such node; its numbers are constants, in float64."""

    node: ir.Node
    weights: np.ndarray
    bias: np.ndarray | None
    """With beta of a Gemm in it."""
    group: int = 1
    alpha: float = 1.0
    transposed: bool = False
    """Whether the weights of a Gemm have one row per output."""

    def scaled(self, factors: np.ndarray) -> np.ndarray:
        """The weights when each output channel is multiplied by its factor."""
        scaled: np.ndarray
        shape = self.weights.shape
        if self.node.op_type == "ConvTranspose":
            # [inputs, outputs / group, ...]: the inputs of a group are next to each other.
            parts = self.weights.reshape(self.group, -1, shape[1], prod(shape[2:]))
            scaled = (parts * factors.reshape(self.group, 1, shape[1], 1)).reshape(shape)
        elif self.node.op_type == "Conv" or self.transposed:
            scaled = self.weights * factors.reshape(-1, *(1,) * (self.weights.ndim - 1))
        else:
            scaled = self.weights * factors
        return scaled

    def fed(self, factors: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights and more bias that do to the input channels what is given; no ConvTranspose."""
        if self.node.op_type != "Conv":
            rows = self.weights if self.transposed else self.weights.T
            weights = rows * factors
            return weights if self.transposed else weights.T, self.alpha * (rows @ shifts)
        shape = self.weights.shape
        parts = self.weights.reshape(self.group, -1, shape[1], prod(shape[2:]))
        weights = parts * factors.reshape(self.group, 1, shape[1], 1)
        more = (parts * shifts.reshape(self.group, 1, shape[1], 1)).sum((2, 3))
        return weights.reshape(shape), more.reshape(-1)

    def restated(
        self, source: ir.Value | None, weights: np.ndarray | None, bias: np.ndarray, rw: Rewriter
    ) -> ir.Value | Skip:
        """The node that reads ``source``, with other numbers; weights that are ``None`` stay."""
        node, old = self.node, self.node.inputs[1]
        assert old is not None
        assert old.dtype is not None
        dtype = old.dtype.numpy()
        with np.errstate(over="ignore"):
            rounded = [a.astype(dtype) for a in (bias, weights) if a is not None]
        if not all(np.isfinite(array).all() for array in rounded):
            return rw.skip(f"the folded numbers of {node_label(node)!r} leave {old.dtype.name}")
        new = old if weights is None else rw.const(rounded[1])
        if node.op_type == "MatMul":
            return rw.op("Add", rw.restate(node, [source, new])[0], rw.const(rounded[0]))
        changed = {"beta": 1.0} if "beta" in node.attributes else {}
        return rw.restate(node, [source, new, rw.const(rounded[0])], attributes=changed)[0]


def read(node: ir.Node, rw: Rewriter) -> Linear | Skip:
    """The numbers of a node of :data:`LINEAR`."""
    name = f"{node.op_type} {node_label(node)!r}"
    dtype = node.inputs[1].dtype if node.inputs[1] is not None else None
    weights, given = rw.constant(node.inputs[1]), rw.input(node, 2)
    bias = rw.constant(given)
    if weights is None or dtype is None:
        return rw.skip(f"the weights of {name} are computed")
    if given is not None and bias is None:
        return rw.skip(f"the bias of {name} is computed")
    if not dtype.is_floating_point():
        return rw.skip(f"the weights of {name} are no floats")
    if node.op_type == "MatMul" and weights.ndim != 2:
        return rw.skip(f"the weights of {name} are no matrix")
    wide = weights.astype(np.float64)
    wide_bias = None if bias is None else bias.astype(np.float64)
    if node.op_type != "Gemm":
        return Linear(node, wide, wide_bias, rw.attr_int(node, "group", 1))
    beta = rw.attr_float(node, "beta", 1.0)
    return Linear(
        node,
        wide,
        None if wide_bias is None else wide_bias * beta,
        alpha=rw.attr_float(node, "alpha", 1.0),
        transposed=bool(rw.attr_int(node, "transB", 0)),
    )


def reads_as_weights(node: ir.Node, value: ir.Value) -> bool:
    """Whether the value is what the node multiplies by, and not what it multiplies."""
    return any(other is value for other in node.inputs[1:])
