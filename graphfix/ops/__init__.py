"""Custom operators, each with a function that says what it computes."""

from graphfix.ops.function_operator import FunctionOperator
from graphfix.ops.insert import OPERATORS, call, check_inputs, describe
from graphfix.ops.offsets import pack_offsets
from graphfix.ops.operator import Attribute, Call, Operator, Port
from graphfix.ops.specialised import SpecialisedOperator

__all__ = [
    "OPERATORS",
    "Attribute",
    "Call",
    "FunctionOperator",
    "Operator",
    "Port",
    "SpecialisedOperator",
    "call",
    "check_inputs",
    "describe",
    "pack_offsets",
]
