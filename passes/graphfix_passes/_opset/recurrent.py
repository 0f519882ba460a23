"""RNN, GRU and LSTM with the batch in front (``layout=1``)."""

import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.opsets.converter import without_additions
from graphfix_passes._opset.table import DOWN, used

_STATES = (5, 6)
_SWAP = [1, 0, 2]


@DOWN.at(14, "RNN", "GRU", "LSTM", exact=True)
def _batch_first(node: ir.Node, rw: Converter) -> Answer:
    """``layout=0`` wants time in front of X and directions in front of the states and of Y."""
    if not rw.attr_int(node, "layout", 0):
        return without_additions(node, rw)
    inputs = list(node.inputs)
    for index in (0, *_STATES):
        value = rw.input(node, index)
        if value is not None:
            inputs[index] = rw.op("Transpose", value, perm=_SWAP)
    results = rw.restate(node, inputs, drop=["layout"])
    back: list[ir.Value | None] = []
    for index, (old, new) in enumerate(zip(node.outputs, results, strict=True)):
        if not used(old):
            back.append(new)
        elif index == 0:
            back.append(rw.op("Transpose", new, perm=[2, 0, 1, 3]))
        else:
            back.append(rw.op("Transpose", new, perm=_SWAP))
    return back
