"""GF132: inputs of a kind or type that ATC does not take."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity

_TAKEN: Final = frozenset(
    getattr(ir.DataType, name)
    for name in (
        "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16",
        "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E5M2",
        "FLOAT8E4M3FN",
    )
)  # fmt: skip


class InputTypes(Rule):
    """A graph input is no tensor, has no shape, or has a type that the parser does not map.

    Sequences, optional values and the other types stop the parser (E19999). An input without a
    shape is read as a scalar unless ``--input_shape`` gives one.
    """

    id = "GF132"
    title = "inputs of other kinds"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_util.cc and onnx_data_parser.cc"
    covers = ("S3", "S6")

    def check(self, view: View) -> Iterator[Finding]:
        """Input by input."""
        for value in view.model.graph.inputs:
            if value.is_initializer():
                continue
            name, type_ = value.name or "", value.type
            if type_ is not None and type(type_) is not ir.TensorType:
                yield self.finding(
                    f"is a {type(type_).__name__.removesuffix('Type').lower()}, not a tensor",
                    name,
                    advice="take plain tensors, one input each",
                )
            elif type_ is None or type_.dtype not in _TAKEN:
                kind = type_.dtype.name.lower() if type_ is not None else "undefined"
                yield self.finding(
                    f"has the type {kind}, which ATC has no name for",
                    name,
                    advice="take another type and cast inside",
                )
            elif value.shape is None:
                yield self.finding(
                    "has no shape and is read as a scalar",
                    name,
                    severity=Severity.WRONG,
                    advice="give its shape: graphfix apply --passes 'dynamic-shape{...}', "
                    "or --input_shape of ATC",
                )
