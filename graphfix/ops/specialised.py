"""Operators whose function is written anew for every set of attributes."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir
from onnx import parser

from graphfix.errors import PassError
from graphfix.ops.operator import AttrValue, Call, Operator, Shape

OLDEST_OPSET = 11
NEWEST_OPSET = 22
_DTYPES = {ir.DataType.FLOAT: "float", ir.DataType.FLOAT16: "float16"}


class SpecialisedOperator(Operator):
    """An operator of the ATC dialect; a subclass describes it and writes its body.

    There is one function per set of attributes, element type and number of inputs: below opset 12
    a function cannot turn an attribute into a tensor. A call still carries all attributes, because
    the target's compiler reads them there; the name of the overload is a digest of them, so that a
    call and its function cannot drift apart unseen. With float16 inputs everything is computed in
    float32 and the outputs are rounded once.
    """

    domain = "ascend"

    @abstractmethod
    def body(self, call: Call) -> str:
        """The nodes of the function, as ONNX text, from the inputs to the outputs by their names.

        Uses no operator that has another form or meaning anywhere between the oldest and the newest
        opset without looking at ``call.opset``.
        """

    @abstractmethod
    def check(self, call: Call) -> None:
        """Refuse attributes without a meaning.

        Raises:
            PassError: says which one.
        """

    @abstractmethod
    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """Shapes of the outputs, as far as the shapes of the inputs tell."""

    def min_opset(self, attributes: Mapping[str, AttrValue]) -> int:
        """The oldest opset that can express the operator with these attributes."""
        return OLDEST_OPSET

    def output_dtypes(self, call: Call) -> tuple[ir.DataType, ...]:
        """Element types of the outputs: that of the inputs."""
        return (self.dtype(call),) * len(self.outputs)

    def dtype(self, call: Call) -> ir.DataType:
        """The element type that all inputs have.

        Raises:
            PassError: it is unknown or not covered, or there are several.
        """
        found = sorted({dtype for dtype in call.dtypes if dtype is not None})
        if not found:
            raise PassError(f"{self.name}: the element type of its inputs is not known")
        if len(found) > 1 or found[0] not in _DTYPES:
            names = " and ".join(dtype.name.lower() for dtype in found)
            raise PassError(f"{self.name}: the inputs must all be float or float16, not {names}")
        return found[0]

    def overload(self, call: Call) -> str:
        """Name of the overload for such calls: the same for the same call, in every model."""
        text = ";".join(f"{name}={_text(value)}" for name, value in call.attributes.items())
        digest = hashlib.sha256(f"{call.inputs};{text}".encode()).hexdigest()
        return f"{_DTYPES[self.dtype(call)]}_{digest[:8]}"

    def function(self, call: Call) -> ir.Function:
        """Write the function for such calls."""
        self.dtype(call)
        self.check(call)
        oldest = self.min_opset(call.attributes)
        if not oldest <= call.opset <= NEWEST_OPSET:
            raise PassError(
                f"{self.name} with these attributes can be written in opsets {oldest} to "
                f"{NEWEST_OPSET}, and the model is in opset {call.opset}; convert it first"
            )
        return ir.serde.deserialize_function(self._proto(call))

    def _proto(self, call: Call) -> onnx.FunctionProto:
        names = self.input_names(call.inputs)
        ins, before = names, ""
        if self.dtype(call) == ir.DataType.FLOAT16:
            ins = tuple(f"{name}_half" for name in names)
            casts = zip(names, ins, strict=True)
            before = "\n".join(f"{name} = Cast <to = 1> ({half})" for name, half in casts)
        outs, after = [], []
        for port, dtype in zip(self.outputs, self.output_dtypes(call), strict=True):
            outs.append(port.name)
            if dtype == ir.DataType.FLOAT16:
                outs[-1] = f"{port.name}_half"
                after.append(f"{outs[-1]} = Cast <to = 10> ({port.name})")
        text = f"""
            <domain: "{self.domain}", overload: "{self.overload(call)}",
             opset_import: ["" : {call.opset}]>
            {self.name} <{", ".join(call.attributes)}> ({", ".join(ins)}) => ({", ".join(outs)})
            {{
                {before}
                {self.body(call)}
                {" ".join(after)}
            }}
        """
        return parser.parse_function(text)


def _text(value: AttrValue) -> str:
    """A value in one spelling, whatever Python type carried it."""
    if isinstance(value, tuple):
        return f"[{','.join(_text(item) for item in value)}]"
    # A file keeps float32, so that a number which was read from one has the same spelling.
    return repr(float(np.float32(value))) if isinstance(value, float) else str(value)
