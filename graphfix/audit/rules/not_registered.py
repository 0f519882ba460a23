"""GF101: an operator that ATC does not find."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.opsets import best, is_outside, unregistered
from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_PASS: Final = {
    "GridSample": "gridsample",
    "DeformConv": "deform-conv",
    "MMCVDeformConv2d": "deform-conv",
    "MMCVModulatedDeformConv2d": "deform-conv",
    "deform_conv2d": "deform-conv",
    "grid_sampler": "gridsample",
    "Einsum": "einsum",
    "LayerNormalization": "layernorm",
    "GroupNormalization": "groupnorm",
    "Gelu": "gelu",
    "HardSwish": "hardswish",
    "Mish": "mish",
    "QuantizeLinear": "strip-qdq",
    "DequantizeLinear": "strip-qdq",
    "Loop": "loop-unroll",
    "RNN": "rnn-unroll",
    "DFT": "dft",
    "STFT": "dft",
}
"""What takes the operator out of the model at whatever opset it is."""

_ADVICE: Final = {
    "Scan": "unroll it, or export with torch.jit.trace",
    "Loop": "unroll it, or export with torch.jit.trace",
    "SequenceMap": "unroll it",
    "RNN": "unroll it to MatMul and Tanh",
    "DynamicQuantizeLinear": "use the float model, and AMCT for quantisation",
    "QuantizeLinear": "use the float model, and AMCT for quantisation",
    "DequantizeLinear": "use the float model, and AMCT for quantisation",
    "QLinearConv": "use the float model, and AMCT for quantisation",
    "QLinearMatMul": "use the float model, and AMCT for quantisation",
    "MatMulInteger": "use the float model, and AMCT for quantisation",
    "ConvInteger": "use the float model, and AMCT for quantisation",
    "DFT": "or compute features before the model",
    "STFT": "or compute features before the model",
    "CenterCropPad": "write it as Slice and Pad",
}
_FOREIGN: Final = {
    "com.microsoft": "made by onnxruntime's optimiser: save the model without it",
    "ai.onnx.ml": "move it out of the model",
}


class NotRegistered(Rule):
    """ATC has no plugin for an operator at the opset of the model, and stops.

    It lists every such node (error E13010, or E19010 in older releases). The operator may be
    registered at another opset, which ``opset`` takes the model to; some operators are registered
    at none (quantised ones, Loop, Scan, RNN, DeformConv, signal processing), and operators of other
    domains than ai.onnx and npu hardly ever. What works on constants alone folds.
    """

    id = "GF101"
    title = "operator not registered"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, ConstructOriType"
    covers = (
        "G1", "O1", "O2", "O5", "RNN/1", "Loop/1", "Optional/1", "GroupNormalization/1",
        "QuantizeLinear/1", "DeformConv/1", "grid_sampler/1", "DFT/1", "CenterCropPad/1",
        "com.microsoft/1", "ReduceL1/1", "HardSwish/1", "Mish/1", "CastLike/1", "Upsample/1",
        "LayerNormalization/1", "AffineGrid/1", "C1", "npu::1/1",
    )  # fmt: skip

    def check(self, view: View) -> Iterator[Finding]:
        """Operator by operator, with all of its nodes."""
        found: dict[tuple[str, str], list[ir.Node]] = defaultdict(list)
        for node in view.nodes:
            found[view.dialect(node)].append(node)
        outside = is_outside(view)
        goal = best(view)
        missing_there = set(unregistered(view, goal))
        for (domain, op_type), nodes in found.items():
            if domain == "" and outside and op_type not in missing_there:
                continue  # the opset is the reason, and has a finding of its own
            version = view.imports.get(domain, 0)
            support = view.profile.support(op_type, version, domain)
            if support.verdict is not False or (domain, op_type) in view.functions:
                continue
            remedy = None if domain in _FOREIGN else _PASS.get(op_type)
            if domain == "" and op_type not in missing_there:
                remedy = f"opset{{to={goal}}}"
            if op_type not in _PASS and all(node in view.foldable for node in nodes):
                remedy = "fold-constants"
            name = f"{domain}::{op_type}" if domain else op_type
            others = view.profile.opsets(op_type, domain)
            yield self.finding(
                f"{name} is not registered at version {version} of {domain or 'ai.onnx'}"
                + (f"; it is at {others}" if others else ", nor at any other"),
                *view.labels(nodes),
                remedy=remedy,
                advice=_ADVICE.get(op_type, _FOREIGN.get(domain, "")),
                evidence=support.evidence,
                citation=support.citation,
            )
