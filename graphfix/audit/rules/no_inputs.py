"""GF130: a model without inputs or outputs."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class NoInputs(Rule):
    """The main graph has no inputs or no outputs.

    The parser wants one of each (E16001). Inputs that are initializers too, as in files of
    ``ir_version`` 3, are constants for ATC and do not count when the model runs.
    """

    id = "GF130"
    title = "no inputs or no outputs"
    severity = Severity.ERROR
    citation = "hicann/ge: parser/parser/onnx/onnx_parser.cc, ParseInput and ParseOutput"
    covers = ("S1",)

    def check(self, view: View) -> Iterator[Finding]:
        """Inputs, then outputs."""
        graph = view.model.graph
        if not any(not value.is_initializer() for value in graph.inputs):
            yield self.finding(
                "the model has no input",
                advice="give it one; a model that needs none is a constant: fold it",
            )
        if not graph.outputs:
            yield self.finding("the model has no output", advice="name what it is to give")
