"""GF114: skipped outputs together with skipped inputs."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class EmptyNames(Rule):
    """A skipped output feeds every skipped input.

    ONNX writes an output that nobody wants, and an optional input that is not given, as an empty
    name. The parser does not leave empty names out: it connects equal names. A graph that has both
    (an LSTM without Y, and a Resize without roi) gets the one wired to the other. ``names`` gives
    skipped outputs a name, which is enough.
    """

    id = "GF114"
    title = "skipped outputs and skipped inputs"
    severity = Severity.WRONG
    evidence = Evidence.INFERENCE
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, ConstructInputOutputContext"
    covers = ("N10", "LSTM/3")

    def check(self, view: View) -> Iterator[Finding]:
        """The nodes with skipped outputs, when there are skipped inputs in the same graph."""
        for graph in view.graphs:
            inputs = [node for node in graph if any(value is None for value in node.inputs)]
            outputs = [node for node in graph if any(not value.name for value in node.outputs)]
            if inputs and outputs:
                yield self.finding(
                    "a skipped output would be wired to the skipped inputs of "
                    + _some(view.labels(inputs)),
                    *view.labels(outputs),
                    remedy="names",
                )


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
