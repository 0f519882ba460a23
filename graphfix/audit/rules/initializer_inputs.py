"""GF131: weights that are graph inputs."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class InitializerInputs(Rule):
    """Initializers are listed among the graph inputs, as ``ir_version`` 3 wanted it.

    ATC takes them for constants, never for inputs: ``--input_shape`` cannot name them (E10017), and
    whoever meant them to be given at run time gets the stored values. ``sim{freeze}`` makes them
    plain weights for everybody.
    """

    id = "GF131"
    title = "initializers among the inputs"
    severity = Severity.INFO
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, ParseInput"
    covers = ("S2",)

    def check(self, view: View) -> Iterator[Finding]:
        """All of them at once."""
        names = [v.name or "" for v in view.model.graph.inputs if v.is_initializer()]
        if names:
            yield self.finding(
                f"{len(names)} inputs are initializers and become constants",
                *names,
                remedy="sim{freeze}",
            )
