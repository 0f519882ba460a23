"""GF133: inputs with dims that are not numbers."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class DynamicInputs(Rule):
    """An input has symbolic or unknown dims, which the command line must settle.

    They are -1 for ATC, and stop it unless ``--input_shape`` gives numbers, ranges, or -1 together
    with gears (``--dynamic_batch_size``, ``--dynamic_image_size``, ``--dynamic_dims``) (E10001).
    """

    id = "GF133"
    title = "inputs with open dims"
    severity = Severity.DYNAMIC
    citation = "hicann/ge: api/atc/omg.cc, CheckInputShapeNode"
    covers = ("S4",)

    def check(self, view: View) -> Iterator[Finding]:
        """Input by input."""
        for value in view.model.graph.inputs:
            if value.is_initializer() or value.shape is None:
                continue
            if any(not isinstance(dim, int) for dim in value.shape):
                dims = ",".join(
                    str(d) if isinstance(d, int) else (d.value or "?") for d in value.shape
                )
                yield self.finding(
                    f"has the shape [{dims}]",
                    value.name or "",
                    advice="give ATC --input_shape with numbers, or with -1 and gears; "
                    "one size for good: dynamic-shape",
                )
