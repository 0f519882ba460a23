"""RNN, GRU and LSTM as ONNX defines them: what their inputs and attributes say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from graphfix.rewrite import Rewriter, Skip

X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, P = range(8)
"""The inputs; GRU and RNN end at INITIAL_H."""
OPERATORS: Final = ("GRU", "LSTM", "RNN")
FORWARD, REVERSE, BIDIRECTIONAL = "forward", "reverse", "bidirectional"

_DIRECTIONS: Final = {
    FORWARD: (FORWARD,),
    REVERSE: (REVERSE,),
    BIDIRECTIONAL: (FORWARD, REVERSE),
}
_BY_DIRECTION: Final = {W: "W", R: "R", B: "B", P: "P"}
"""The inputs that have the directions in front in either layout."""
GATES: Final = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""How many times the hidden size W and R have rows."""

_USUAL: Final = {
    "RNN": ("Tanh",),
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
}
_PARAMETERS: Final[Mapping[str, Sequence[str]]] = {
    "affine": ("alpha", "beta"),
    "elu": ("alpha",),
    "hardsigmoid": ("alpha", "beta"),
    "leakyrelu": ("alpha",),
    "relu": (),
    "scaledtanh": ("alpha", "beta"),
    "sigmoid": (),
    "softplus": (),
    "softsign": (),
    "tanh": (),
    "thresholdedrelu": ("alpha",),
}
"""The activations, in lower case as their names may be in any, and what each of them takes."""


@dataclass(frozen=True)
class Activation:
    """One of a cell; without alpha or beta it has none, or the default."""

    name: str
    alpha: float | None = None
    beta: float | None = None

    @property
    def kind(self) -> str:
        """The name in lower case."""
        return self.name.lower()


def direction_of(node: ir.Node, rw: Rewriter) -> str:
    """One of FORWARD, REVERSE and BIDIRECTIONAL in a valid model."""
    return rw.attr_str(node, "direction", FORWARD)


def directions(node: ir.Node, rw: Rewriter) -> tuple[str, ...] | Skip:
    """FORWARD, REVERSE, or both; files that were edited by hand have weights for another number."""
    name = direction_of(node, rw)
    found = _DIRECTIONS.get(name)
    if found is None:
        return rw.skip(f"its direction {name!r} is none of ONNX's")
    for port, letter in _BY_DIRECTION.items():
        known = rw.dims(rw.input(node, port))
        if known and known[0] not in (len(found), None):
            return rw.skip(f"its direction is {name!r}, and {letter} is for {known[0]}")
    return found


def activations(
    node: ir.Node, count: int, rw: Rewriter
) -> tuple[tuple[Activation, ...], ...] | Skip:
    """Those of each of ``count`` directions.

    Alpha and beta are lists from which the activations that have such a parameter take their own,
    one after the other (ONNX: "consumed in the order of activation functions").
    """
    usual = _USUAL[node.op_type]
    names = rw.attr_strs(node, "activations") or usual * count
    if len(names) != len(usual) * count:
        return rw.skip(f"it has {len(names)} activations and needs {len(usual) * count}")
    left = {kind: iter(rw.attr_floats(node, f"activation_{kind}")) for kind in ("alpha", "beta")}
    found = []
    for name in names:
        taken = _PARAMETERS.get(name.lower())
        if taken is None:
            return rw.skip(f"its activation {name} is none of ONNX's")
        found.append(Activation(name, **{kind: next(left[kind], None) for kind in taken}))
    each = len(usual)
    return tuple(tuple(found[k : k + each]) for k in range(0, len(found), each))


def is_usual(node: ir.Node, rw: Rewriter) -> bool:
    """Whether the cell is as most are: no other activations, clip, coupled gates, or peepholes."""
    names = [name.lower() for name in rw.attr_strs(node, "activations")]
    usual = [name.lower() for name in _USUAL[node.op_type]]
    if names not in ([], usual, usual * 2) or "clip" in node.attributes:
        return False
    if rw.attr_int(node, "input_forget", 0):
        return False
    peepholes = rw.constant(rw.input(node, P))
    return not rw.has_input(node, P) or (peepholes is not None and not peepholes.any())


def is_full(lengths: ir.Value | None, node: ir.Node, rw: Rewriter) -> bool:
    """Whether each row is known to be as long as the data are."""
    array, known = rw.constant(lengths), rw.dims(node.inputs[X])
    if array is None or known is None or not array.size:
        return False
    return bool((array == known[rw.attr_int(node, "layout", 0)]).all())


def share(value: ir.Value | None, axis: int, direction: int, rw: Rewriter) -> ir.Value | None:
    """What one direction gets of a value that has the directions along ``axis``."""
    if value is None:
        return None
    array = rw.constant(value)
    if array is not None:
        return rw.const(array.take([direction], axis))
    return sliced(rw, value, [direction], [direction + 1], [axis])


def sliced(
    rw: Rewriter, value: ir.Value, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int]
) -> ir.Value:
    """The elements between these limits."""
    if rw.opset < 10:  # the opset in which the limits became inputs
        return rw.op("Slice", value, starts=starts, ends=ends, axes=axes)
    return rw.op("Slice", value, *(rw.const(limits) for limits in (starts, ends, axes)))


def outputs_read(node: ir.Node) -> list[bool]:
    """Whether something reads each of the outputs."""
    return [bool(value.uses()) or value.is_graph_output() for value in node.outputs]
