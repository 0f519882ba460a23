"""Parameters that newer opsets have as inputs and scripts for opset 11 write as attributes.

Scripts that build Squeeze, Unsqueeze, Split or a reduction so do it in newer exports, too. ATC's
plugins of reductions take both forms (hicann/ops-math: reduce ONNX plugins).
"""

from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.dialect.scope import Scope

_SINCE: Final = {
    ("Squeeze", "axes"): 13,
    ("Unsqueeze", "axes"): 13,
    ("ReduceSum", "axes"): 13,
    ("Split", "split"): 13,
    **{(f"Reduce{name}", "axes"): 18 for name in (
        "L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare",
    )},
}  # fmt: skip
"""The opset from which the parameter is input 1."""


def raise_(node: ir.Node, scope: Scope) -> None:
    """Write as an input what the opset does not have as an attribute."""
    if node.domain != "":
        return
    for name in ("axes", "split"):
        since = _SINCE.get((node.op_type, name))
        written = node.attributes.get(name)
        if since is None or scope.opset < since or written is None:
            continue
        if written.type != ir.AttributeType.INTS:
            continue
        values = np.asarray(node.attributes.pop(name).as_ints(), np.int64)
        if len(node.inputs) < 2:
            node.resize_inputs(2)
        if node.inputs[1] is None:
            rw = scope.at(node)
            node.replace_input_with(1, rw.const(values))
            rw.commit({})
        scope.journal.changed(node, f"{name} written as an input, as opset {scope.opset} has it")
