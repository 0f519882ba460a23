"""GF160: constants that float16 cannot hold."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import DEFAULT_DOMAIN, View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence

LARGEST: Final = 65504.0
"""The largest finite number of IEEE 754 binary16."""

_HARMLESS: Final = frozenset({"Clip", "Min", "Max", "Less", "Greater", "LessOrEqual"})
"""What bounds with a huge number bounds with infinity as well."""

_MASKS: Final = frozenset({"Add", "Where", "Mul", "Sub", "Cast"})
_CHUNK: Final = 1 << 22


class Fp16Constants(Rule):
    """A float constant is beyond 65504, which is infinite in float16.

    ATC computes in float16 unless told otherwise (``--precision_mode``). Masks such as -1e9 or
    -3.4e38 then are -inf, and infinity times zero or a row that is masked throughout gives NaN.
    ``mask-value`` lowers masks in front of a Softmax to what float16 holds; for others keep the
    node's type (``--keep_dtype``) or choose ``--precision_mode_v2=origin``.
    """

    id = "GF160"
    title = "constants beyond float16"
    severity = Severity.WRONG
    evidence = Evidence.DOC
    citation = "documentation of --precision_mode and --is_weight_clip"
    covers = ("G3",)

    def check(self, view: View) -> Iterator[Finding]:
        """Initializers and Constant nodes that some node computes with."""
        for graph in view.graphs:
            for value in graph.initializers.values():
                yield from self._look(value, value.const_value, view)
        for node in view.of("Constant"):
            attribute = node.attributes.get("value")
            if attribute is not None and not attribute.is_ref():
                for value in node.outputs:
                    yield from self._look(value, attribute.value, view)

    def _look(self, value: ir.Value, tensor: object, view: View) -> Iterator[Finding]:
        if not isinstance(tensor, ir.TensorProtocol):
            return
        if tensor.dtype not in (ir.DataType.FLOAT, ir.DataType.DOUBLE):
            return
        readers = [use for use in value.uses() if use.node.op_type not in _HARMLESS]
        if not readers:
            return
        extreme = _extreme(tensor.numpy())
        if abs(extreme) > LARGEST:
            mask = extreme < 0 and all(
                use.node.op_type in _MASKS and use.node.domain in DEFAULT_DOMAIN for use in readers
            )
            yield self.finding(
                f"{value.name} holds {extreme:.4g}, beyond the {LARGEST:.0f} of float16",
                *view.labels(use.node for use in readers),
                remedy="mask-value" if mask else None,
                advice="" if mask else "scale it down, or keep these nodes in float32",
            )


def _extreme(array: np.ndarray) -> float:
    """The number farthest from zero; chunk by chunk, so that mapped weights stay on disk."""
    worst = 0.0
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        for bound in (float(chunk.min()), float(chunk.max())):
            if abs(bound) > abs(worst):
                worst = bound
    return worst
