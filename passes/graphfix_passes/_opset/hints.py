"""Operators without an older form, and what to do about them."""

import onnx_ir as ir

from graphfix.rewrite.opsets import Answer, Converter
from graphfix.rewrite.records import Skip
from graphfix_passes._opset.table import DOWN

_REASONS = {
    ("GridSample", 16): "run gridsample{mode=decompose} before",
    ("DeformConv", 19): "run deform-conv before",
    ("Bernoulli", 15): "random numbers cannot be reproduced",
    ("MelWeightMatrix", 17): "fold constants before (sim)",
    ("DFT", 17): "run dft before",
    ("STFT", 17): "run dft before",
    ("SequenceMap", 17): "unroll the sequence before",
    ("Optional", 15): "older opsets have no optional values",
    ("OptionalGetElement", 15): "older opsets have no optional values",
    ("OptionalHasElement", 15): "older opsets have no optional values",
    ("OptionalGetElement", 18): "opset 17 takes optional values only",
    ("OptionalHasElement", 18): "opset 17 takes optional values only",
    ("BitwiseAnd", 18): "older operators do not work on bits",
    ("BitwiseOr", 18): "older operators do not work on bits",
    ("BitwiseXor", 18): "older operators do not work on bits",
    ("Col2Im", 18): "overlapping blocks cannot be added up in older operators",
    ("ImageDecoder", 20): "decode images before the model",
    ("StringConcat", 20): "treat strings before the model",
    ("StringSplit", 20): "treat strings before the model",
    ("RegexFullMatch", 20): "treat strings before the model",
    ("TensorScatter", 24): "no exact form in older operators is known",
    ("BitCast", 26): "older operators do not work on bits",
    ("CumProd", 26): "no exact form in older operators is known",
}


def _refuse(node: ir.Node, rw: Converter) -> Answer:
    version = rw.opset + 1
    return Skip(f"it exists from opset {version} on; {_REASONS[node.op_type, version]}")


for _op_type, _version in _REASONS:
    DOWN.at(_version, _op_type)(_refuse)
