"""The two spellings of a graph: valid ONNX, and what ATC reads.

:func:`lower` writes the dialect of a target; :func:`raise_dialect` reads such a file, also one that
an old script made, back into valid ONNX.
"""

from graphfix.dialect.lowering import Lowered, lower
from graphfix.dialect.raising import Raised, looks_like_dialect, raise_dialect
from graphfix.dialect.records import Change, Report
from graphfix.dialect.softmax import SoftmaxReading

__all__ = [
    "Change",
    "Lowered",
    "Raised",
    "Report",
    "SoftmaxReading",
    "looks_like_dialect",
    "lower",
    "raise_dialect",
]
