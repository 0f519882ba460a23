"""GF138: weights in forms that ATC does not read."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.model import SparseTensor


class SparseWeights(Rule):
    """A weight is sparse, or of an 8-bit float type.

    The parser reads dense initializers only: whoever reads a sparse one stays unconnected, with a
    warning. Constants of float8 stop it ("data_type not support").
    """

    id = "GF138"
    title = "sparse or float8 weights"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, onnx_constant_parser.cc"
    covers = ("L7", "S13")

    def check(self, view: View) -> Iterator[Finding]:
        """Initializers, graph by graph, then Constant nodes."""
        for graph in view.graphs:
            for name, value in graph.initializers.items():
                tensor = value.const_value
                if isinstance(tensor, SparseTensor):
                    yield self.finding(
                        "is sparse and is left out",
                        name,
                        severity=Severity.WRONG,
                        advice="store it dense",
                    )
                elif tensor is not None and tensor.dtype.name.startswith("FLOAT8"):
                    yield self.finding(
                        f"is of {tensor.dtype.name.lower()}, which constants cannot be",
                        name,
                        advice="store it as float16",
                    )
        for node in view.of("Constant"):
            dtype = node.outputs[0].dtype if node.outputs else None
            if dtype is not None and dtype.name.startswith("FLOAT8"):
                yield self.finding(
                    f"is of {dtype.name.lower()}, which constants cannot be",
                    view.label(node),
                    advice="store it as float16",
                )
