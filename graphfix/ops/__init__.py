"""Custom operators of the ATC dialect, each with a function that says what it computes."""

from graphfix.ops.insert import OPERATORS, call
from graphfix.ops.offsets import pack_offsets
from graphfix.ops.operator import Attribute, Call, Operator, Port

__all__ = ["OPERATORS", "Attribute", "Call", "Operator", "Port", "call", "pack_offsets"]
