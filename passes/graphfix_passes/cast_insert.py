"""The ``cast-insert`` pass: some nodes in another float type than the rest."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from graphfix.contract import Approximate, Close, Contract
from graphfix.errors import PassError
from graphfix.rewrite import PassContext, PassResult, Rewrite, RewritePass, Rewriter, Skip
from graphfix_passes._retype import Variable, retype, variables

_BITS = {
    ir.DataType.BFLOAT16: 8,
    ir.DataType.FLOAT16: 11,
    ir.DataType.FLOAT: 24,
    ir.DataType.DOUBLE: 53,
}
"""Significant bits of the floats (IEEE 754; bfloat16: float32 cut in half)."""


class To(enum.Enum):
    """The types to compute in."""

    FLOAT16 = "float16"
    FLOAT = "float"
    DOUBLE = "double"


@dataclass(frozen=True, kw_only=True)
class CastInsert(RewritePass):
    """Compute the selected nodes in another float type, between Casts there and back.

    Why
        Custom operators and fused kernels want one type, mostly float16, in a model of another. The
        other way round, a Softmax or a norm of large numbers needs float32 in a float16 model.

    Rewrites
        Every float input of a selected node becomes ``to``, and what it makes is cast back. Between
        two selected nodes stands no Cast. Constants are converted.

    Leaves alone
        A node that computes in ``to`` already. Operators that ONNX does not define for ``to``, and
        those of other domains. Inputs whose type ONNX prescribes, such as the scales of Resize. A
        constant beyond the range of ``to``.

    Numerics
        A wider type is closer to the truth, and differs from before by rounding alone. A narrower
        one is another function: float16 has 11 bits, and nothing above 65504.
    """

    name = "cast-insert"
    example = "cast-insert{to=float,select='op=Softmax'}"
    match_ops = ()
    contract = Approximate(cosine=0.999)
    reads_shapes = True

    to: To = To.FLOAT
    """float16, float or double."""
    cosine: float = 0.999
    """The least cosine similarity to what the model computed, where the new type is narrower."""

    def run(self, model: ir.Model, context: PassContext) -> PassResult:
        """See the class.

        Raises:
            PassError: no nodes are selected.
        """
        if self.select is None:
            raise PassError("say which nodes by select, such as cast-insert{select='op=Softmax'}")
        return super().run(model, context)

    def matches(self, node: ir.Node) -> bool:
        """Every operator of ONNX; ``select`` chooses."""
        return node.domain in self.match_domains

    def rewrite(self, node: ir.Node, rw: Rewriter) -> Mapping[ir.Value, ir.Value] | Skip:
        """Restate the node in ``to``."""
        to = ir.DataType[self.to.name]
        floats = [v for v in variables(node, rw) if v.dtype in _BITS]
        if not floats:
            return rw.skip("none of its inputs is known to hold floats")
        if node.op_type == "Cast":
            return rw.skip("it is a Cast itself")
        chosen = [v for v in floats if v.allows(to) and v.dtype != to]
        if not chosen:
            if any(v.dtype == to for v in floats):
                return rw.satisfied(f"it computes in {self.to.value} already")
            return rw.skip(f"opset {rw.opset} has no {node.op_type} of {self.to.value}")
        for variable in chosen:
            if reason := self._obstacle(node, variable, rw):
                return rw.skip(reason)
        wider = all(_BITS[v.dtype] < _BITS[to] for v in chosen)
        rw.promise(Close() if wider else Approximate(cosine=self.cosine))
        return retype(node, chosen, to, rw)

    def _obstacle(self, node: ir.Node, variable: Variable, rw: Rewriter) -> str:
        """A number that ``to`` does not hold, or empty."""
        dtype = ir.DataType[self.to.name].numpy()
        for port in variable.inputs:
            array = rw.constant(node.inputs[port])
            if array is None:
                continue
            with np.errstate(over="ignore"):
                lost = array[np.isfinite(array) & np.isinf(array.astype(dtype))]
            if lost.size:
                number = float(lost[0])
                return f"it reads the constant {number:g}, which {self.to.value} does not hold"
        return ""

    def conclude(self, rewrites: Sequence[Rewrite], rw: Rewriter) -> Contract:
        """That of the weakest site."""
        rough = [r.contract for r in rewrites if isinstance(r.contract, Approximate)]
        return rough[0] if rough else Close()
