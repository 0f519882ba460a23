"""The ``bias-fold`` pass: a constant per channel that is added behind the weights."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Close
from graphfix.rewrite import RewritePass, Rewriter, Skip, node_label
from graphfix_passes._known import dims
from graphfix_passes._linear import LINEAR


@dataclass(frozen=True, kw_only=True)
class BiasFold(RewritePass):
    """Fold a constant that is added behind Conv, ConvTranspose, Gemm or MatMul into a bias.

    Why
        It saves a kernel and a pass over the whole tensor.

    Rewrites
        ``Add(f(x), c)`` and ``Sub(f(x), c)`` with one number per channel, or one for all: f gets
        the bias c, or the sum with the one it has. A MatMul of two matrices becomes a Gemm.

    Leaves alone
        A constant that differs along other axes, or makes the result larger. A bias that is
        computed. A result of f that something else reads, too. A MatMul of more than two dims,
        which has no form with a bias.

    Numerics
        The bias joins the sum of products at another place, and two of them are added beforehand.
    """

    name = "bias-fold"
    match_ops = ("Add", "Sub")
    contract = Close()
    must_match = False
    reads_shapes = True

    def rewrite(self, node: ir.Node, rw: Rewriter) -> ir.Value | Skip | None:
        """Fold one constant."""
        if not any(rw.producer(value, *LINEAR) for value in node.inputs):
            return None  # before a look at large constants
        value, added = _parts(node, rw)
        maker = rw.producer(value, *LINEAR)
        if maker is None or added is None or value is None or value.dtype is None:
            return None
        name = f"{maker.op_type} {node_label(maker)!r}"
        if rw.only_reader(value) is not node:
            return rw.skip(f"what {name} makes is read elsewhere, too")
        given = rw.input(maker, 2)
        old = rw.constant(given)
        if given is not None and old is None:
            return rw.skip(f"the bias of {name} is computed")
        shape = dims(value)
        if maker.op_type == "MatMul" and (shape is None or not _of_matrices(maker)):
            return rw.skip(f"{name} does not multiply two matrices")
        if shape is None or not isinstance(shape[1], int):
            return rw.skip(f"the number of channels of {name} is not known")
        bias = _per_channel(added, len(shape), shape[1])
        if bias is None:
            return rw.skip("what it adds is not one number per channel")
        bias = -bias if node.op_type == "Sub" else bias
        if old is not None:
            bias = bias + old.astype(np.float64) * rw.attr_float(maker, "beta", 1.0)
        with np.errstate(over="ignore"):
            rounded = bias.astype(value.dtype.numpy())
        if not np.isfinite(rounded.astype(np.float64)).all():
            return rw.skip(f"the bias would leave {value.dtype.name}")
        changed = {"beta": 1.0} if "beta" in maker.attributes else {}
        op_type = "Gemm" if maker.op_type == "MatMul" else None
        inputs = [*maker.inputs[:2], rw.const(rounded)]
        return rw.restate(maker, inputs, op_type=op_type, attributes=changed)[0]


def _parts(node: ir.Node, rw: Rewriter) -> tuple[ir.Value | None, np.ndarray | None]:
    """What is added to, and the constant."""
    first, second = node.inputs
    array = rw.constant(second)
    if array is not None or node.op_type == "Sub":
        return first, array
    return second, rw.constant(first)


def _of_matrices(matmul: ir.Node) -> bool:
    known = [dims(value) for value in matmul.inputs]
    floats = matmul.outputs[0].dtype is not None and matmul.outputs[0].dtype.is_floating_point()
    return floats and all(shape is not None and len(shape) == 2 for shape in known)


def _per_channel(array: np.ndarray, rank: int, channels: int) -> np.ndarray | None:
    """One number per channel, which is axis 1; ``None`` when the constant is something else."""
    shape = (1,) * (rank - array.ndim) + array.shape
    if len(shape) != rank or shape[1] not in (1, channels) or array.size != shape[1]:
        return None
    flat = array.reshape(-1).astype(np.float64)
    return np.broadcast_to(flat, (channels,))
