"""A custom operator: its inputs, outputs and attributes, and the function that defines it."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from graphfix.errors import PassError

AttrValue = int | float | str | tuple[int, ...] | tuple[float, ...]
Shape = tuple[int | None, ...]
"""Sizes of a tensor; ``None`` where a size is not known."""

_KINDS: dict[ir.AttributeType, str] = {
    ir.AttributeType.INT: "an integer",
    ir.AttributeType.FLOAT: "a number",
    ir.AttributeType.STRING: "a text",
    ir.AttributeType.INTS: "a list of integers",
    ir.AttributeType.FLOATS: "a list of numbers",
}
_LISTS = (ir.AttributeType.INTS, ir.AttributeType.FLOATS)


@dataclass(frozen=True)
class Attribute:
    """One attribute of an operator; without a default it must be given."""

    name: str
    type: ir.AttributeType | None
    """``None`` takes any type; so it is for the parameters of a foreign function."""
    doc: str = ""
    default: AttrValue | None = None

    def read(self, value: object) -> AttrValue:
        """The value as the type says: ints for floats and lists for tuples are accepted.

        Raises:
            PassError: it is of another type.
        """
        listed = isinstance(value, (list, tuple))
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        kind = self.type
        if kind in (ir.AttributeType.FLOAT, ir.AttributeType.FLOATS) and _all(items, int, float):
            items = tuple(float(item) for item in items)
        elif kind in (ir.AttributeType.INT, ir.AttributeType.INTS) and _all(items, int):
            items = tuple(int(item) for item in items)
        elif not (_all(items, str) if kind == ir.AttributeType.STRING else kind is None):
            raise PassError(self._refusal(value))
        if kind is not None and listed != (kind in _LISTS):
            raise PassError(self._refusal(value))
        result: AttrValue = items if listed else items[0]
        return result

    def _refusal(self, value: object) -> str:
        assert self.type is not None
        kind = _KINDS.get(self.type, self.type.name.lower())
        return f"attribute {self.name!r} is {value!r}; it must be {kind}"


@dataclass(frozen=True)
class Port:
    """An input or output: its name and what it is, with shape and type."""

    name: str
    doc: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Call:
    """One use of an operator: what its function is made for."""

    opset: int
    dtypes: tuple[ir.DataType | None, ...]
    """Element types of the inputs given, up to the last one."""
    attributes: Mapping[str, AttrValue]

    @property
    def inputs(self) -> int:
        """How many inputs are given, counted up to the last one."""
        return len(self.dtypes)

    def attr_int(self, name: str) -> int:
        """An integer attribute."""
        value = self.attributes[name]
        assert isinstance(value, int)
        return value

    def attr_float(self, name: str) -> float:
        """A float attribute."""
        value = self.attributes[name]
        assert isinstance(value, float)
        return value

    def attr_ints(self, name: str) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        value = self.attributes[name]
        assert isinstance(value, tuple)
        return tuple(int(item) for item in value)

    def attr_floats(self, name: str) -> tuple[float, ...]:
        """An attribute that is a list of floats."""
        value = self.attributes[name]
        assert isinstance(value, tuple)
        return tuple(float(item) for item in value)


class Operator(ABC):
    """A custom operator. A call of it is a call of the model-local function that it provides."""

    name: str
    domain: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    attributes: tuple[Attribute, ...]

    @abstractmethod
    def function(self, call: Call) -> ir.Function:
        """The function that such calls refer to.

        Raises:
            PassError: opset, element types or attributes are not covered.
        """

    def input_names(self, count: int) -> tuple[str, ...]:
        """Names of the inputs when ``count`` are given; fewer when it takes fewer."""
        return tuple(port.name for port in self.inputs[:count])

    def output_dtypes(self, call: Call) -> tuple[ir.DataType | None, ...]:
        """Element types of the outputs, where they can be told."""
        return (None,) * len(self.outputs)

    def output_shapes(self, call: Call, inputs: Sequence[Shape | None]) -> tuple[Shape | None, ...]:
        """Shapes of the outputs, as far as the shapes of the inputs tell."""
        return (None,) * len(self.outputs)

    def read(self, given: Mapping[str, object]) -> dict[str, AttrValue]:
        """All attributes in their order: those given, and the defaults of the others.

        Raises:
            PassError: one is unknown, missing or of a wrong type.
        """
        known = {attribute.name: attribute for attribute in self.attributes}
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                choices = ", ".join(known) or "none"
                hint = f"did you mean {close[0]!r}?" if close else f"it has {choices}"
                raise PassError(f"{self.name} has no attribute {name!r}; {hint}")
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


def _all(items: Sequence[object], *types: type) -> bool:
    return all(isinstance(item, types) and not isinstance(item, bool) for item in items)
