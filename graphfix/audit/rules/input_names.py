"""GF113: inputs that --input_shape cannot name."""

from collections.abc import Iterator

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity


class InputNames(Rule):
    """The name of an input holds what ``--input_shape`` takes for something else.

    The option splits at ``;``, so a name that has one cannot be given. The test for dynamic shapes
    is a search for ``-1`` and ``~`` in the whole text: a name such as ``x-1`` turns on the path for
    dynamic shapes. Rename the input.
    """

    id = "GF113"
    title = "input names with ; or -1 or ~"
    severity = Severity.INFO
    citation = "hicann/ge: compiler/api/aclgrph/option_utils.cc, SplitInputShape"
    covers = ("N7",)

    def check(self, view: View) -> Iterator[Finding]:
        """Input by input."""
        for value in view.model.graph.inputs:
            name = value.name or ""
            if ";" in name:
                yield self.finding(
                    "--input_shape splits at ';' and cannot name this input",
                    name,
                    severity=Severity.ERROR,
                    advice="rename the input",
                )
            elif "-1" in name or "~" in name:
                yield self.finding(
                    "'-1' and '~' in its name make --input_shape read as dynamic",
                    name,
                    advice="rename the input",
                )
