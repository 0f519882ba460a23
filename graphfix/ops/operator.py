"""A custom operator: its attributes, and the function in standard operators that says what it means."""

import difflib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import onnx
import onnx_ir as ir
from onnx import parser

from graphfix.errors import PassError

AttrValue = int | float | str | tuple[int, ...] | tuple[float, ...]
Shape = tuple[int | None, ...]
"""Sizes of a tensor; ``None`` where a size is not known."""

OLDEST_OPSET = 11
NEWEST_OPSET = 22
DTYPES = {ir.DataType.FLOAT: "float", ir.DataType.FLOAT16: "float16"}

_KINDS: dict[ir.AttributeType, str] = {
    ir.AttributeType.INT: "an integer",
    ir.AttributeType.FLOAT: "a number",
    ir.AttributeType.STRING: "a text",
    ir.AttributeType.INTS: "a list of integers",
    ir.AttributeType.FLOATS: "a list of numbers",
}


@dataclass(frozen=True)
class Attribute:
    """One attribute of an operator; without a default it must be given."""

    name: str
    type: ir.AttributeType
    doc: str
    default: AttrValue | None = None

    def read(self, value: object) -> AttrValue:
        """The value as the type says: ints for floats and lists for tuples are accepted.

        Raises:
            PassError: it is of another type.
        """
        kind = self.type
        listed = isinstance(value, (list, tuple))
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if kind in (ir.AttributeType.FLOAT, ir.AttributeType.FLOATS):
            fits = all(isinstance(i, (int, float)) and not isinstance(i, bool) for i in items)
            items = tuple(float(i) for i in items) if fits else items
        elif kind == ir.AttributeType.STRING:
            fits = all(isinstance(item, str) for item in items)
        else:
            fits = all(isinstance(item, int) for item in items)
            items = tuple(int(item) for item in items) if fits else items
        if not fits or listed != (kind in (ir.AttributeType.INTS, ir.AttributeType.FLOATS)):
            raise PassError(f"attribute {self.name!r} is {value!r}; it must be {_KINDS[kind]}")
        return items if listed else items[0]


@dataclass(frozen=True)
class Port:
    """An input or output: its name and what it is, with shape and type."""

    name: str
    doc: str
    optional: bool = False


@dataclass(frozen=True)
class Call:
    """What a body is written for: one use of an operator."""

    opset: int
    dtype: ir.DataType
    """Element type of the floating-point inputs and outputs."""
    inputs: int
    """How many inputs are given, counted up to the last one."""
    attributes: Mapping[str, AttrValue]

    def int(self, name: str) -> int:
        """An integer attribute."""
        value = self.attributes[name]
        assert isinstance(value, int)
        return value

    def float(self, name: str) -> float:
        """A float attribute."""
        value = self.attributes[name]
        assert isinstance(value, float)
        return value

    def ints(self, name: str) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        value = self.attributes[name]
        assert isinstance(value, tuple)
        return tuple(int(item) for item in value)

    def floats(self, name: str) -> tuple[float, ...]:
        """An attribute that is a list of floats."""
        value = self.attributes[name]
        assert isinstance(value, tuple)
        return tuple(float(item) for item in value)


class Operator(ABC):
    """A custom operator; a subclass describes it and writes its body.

    The body is specialised: one function per set of attributes, element type and number of inputs.
    A call still carries all attributes, because the target's compiler reads them there; the name of
    the overload is a digest of them, so that a call and its function cannot drift apart unseen.
    """

    domain: ClassVar[str] = "ascend"
    version: ClassVar[int] = 1
    name: ClassVar[str]
    attributes: ClassVar[tuple[Attribute, ...]]
    inputs: ClassVar[tuple[Port, ...]]
    outputs: ClassVar[tuple[Port, ...]]

    @abstractmethod
    def body(self, call: Call) -> str:
        """The nodes of the function, as ONNX text, for inputs and outputs of these names.

        Uses no node that has another meaning or form elsewhere between the oldest and the newest
        opset, other than by looking at ``call.opset``.
        """

    @abstractmethod
    def shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape, ...]:
        """Shapes of the outputs, as far as the shapes of the inputs tell."""

    def check(self, call: Call) -> None:
        """Refuse attributes that the operator does not know what to do with.

        Raises:
            PassError: says which one.
        """

    def min_opset(self, attributes: Mapping[str, AttrValue]) -> int:
        """The oldest opset that can express the operator with these attributes."""
        return OLDEST_OPSET

    def dtypes(self, call: Call) -> tuple[ir.DataType, ...]:
        """Element types of the outputs."""
        return (call.dtype,) * len(self.outputs)

    def input_names(self, call: Call) -> tuple[str, ...]:
        """Names of the inputs in the body."""
        return tuple(port.name for port in self.inputs[: call.inputs])

    def read(self, given: Mapping[str, object]) -> dict[str, AttrValue]:
        """All attributes in their order: those given, and the defaults of the others.

        Raises:
            PassError: one is unknown, missing or of a wrong type.
        """
        known = {attribute.name: attribute for attribute in self.attributes}
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(known)}"
                raise PassError(f"{self.name} has no attribute {name!r}{hint}")
        values: dict[str, AttrValue] = {}
        for name, attribute in known.items():
            value = given.get(name, attribute.default)
            if value is None:
                raise PassError(f"{self.name} needs the attribute {name!r}")
            try:
                values[name] = attribute.read(value)
            except PassError as error:
                raise PassError(f"{self.name}: {error}") from error
        return values

    def overload(self, call: Call) -> str:
        """Name of the overload for such calls: the same for the same call, in every model."""
        text = ";".join(f"{name}={_text(value)}" for name, value in call.attributes.items())
        digest = hashlib.sha256(f"{call.inputs};{text}".encode()).hexdigest()
        return f"{DTYPES[call.dtype]}_{digest[:8]}"

    def function(self, call: Call) -> ir.Function:
        """The function that such calls refer to.

        Raises:
            PassError: this opset or element type is not covered, or see :meth:`check`.
        """
        if call.dtype not in DTYPES:
            known = " and ".join(DTYPES.values())
            raise PassError(
                f"{self.name} is defined for {known}, not for {call.dtype.name.lower()}"
            )
        self.check(call)
        oldest = self.min_opset(call.attributes)
        if not oldest <= call.opset <= NEWEST_OPSET:
            raise PassError(
                f"{self.name} with these attributes can be written in opsets {oldest} to "
                f"{NEWEST_OPSET}, and the model is in opset {call.opset}; convert it first"
            )
        return ir.serde.deserialize_function(self._proto(call))

    def _proto(self, call: Call) -> onnx.FunctionProto:
        names = self.input_names(call)
        ins, before = names, ""
        if call.dtype == ir.DataType.FLOAT16:
            ins = tuple(f"{name}_half" for name in names)
            casts = zip(names, ins, strict=True)
            before = "\n".join(f"{name} = Cast <to = 1> ({half})" for name, half in casts)
        outs, after = [], []
        for port, dtype in zip(self.outputs, self.dtypes(call), strict=True):
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
    return repr(ir.AttrFloat32("", value).as_float()) if isinstance(value, float) else str(value)
