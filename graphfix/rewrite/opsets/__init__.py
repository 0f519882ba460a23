"""Opset conversion: the version steps of every operator, and what carries a node over them."""

from graphfix.rewrite.opsets.compatible import COMPATIBLE, NEWEST
from graphfix.rewrite.opsets.converter import Adapters, Answer, Converter, convert
from graphfix.rewrite.opsets.raising import UP

__all__ = ["COMPATIBLE", "NEWEST", "UP", "Adapters", "Answer", "Converter", "convert"]
