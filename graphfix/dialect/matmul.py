"""MatMul with what old scripts add to it: ``transA`` and ``transB``, and a bias as third input.

ATC's plugin reads both attributes for BatchMatMulV2, whose optional third input is a bias
(hicann/ops-nn: matmul ONNX plugin). ONNX has neither. Lowering never writes them.
"""

import onnx_ir as ir

from graphfix.dialect.scope import Scope, attr_int

_TRANSPOSED = ("transA", "transB")


def is_foreign(node: ir.Node) -> bool:
    """Whether a MatMul has more than ONNX lets it have."""
    return len(node.inputs) > 2 or any(name in node.attributes for name in _TRANSPOSED)


def raise_(node: ir.Node, scope: Scope) -> None:
    """Write the Transposes and the Add."""
    sides = node.inputs[:2]
    ranks = [len(scope.knowledge.dims(side) or ()) for side in sides]
    flags = [attr_int(node, name, 0) != 0 for name in _TRANSPOSED]
    if any(flag and rank < 2 for flag, rank in zip(flags, ranks, strict=True)):
        scope.journal.refuse(
            node,
            "it transposes an input whose rank is not known; infer the shapes of the file first",
        )
        return
    rw = scope.at(node)
    a, b = (
        rw.op("Transpose", side, perm=[*range(rank - 2), rank - 1, rank - 2]) if flag else side
        for side, flag, rank in zip(sides, flags, ranks, strict=True)
    )
    result = rw.op("MatMul", a, b)
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        result = rw.op("Add", result, node.inputs[2])
    scope.replace(node, result)
    scope.journal.changed(node, "transA, transB and bias written as nodes of their own")
