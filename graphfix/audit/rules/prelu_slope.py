"""GF343: PRelu with a slope of several dims."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class PReluSlope(NodeRule):
    """The slope of a PRelu is not a list of one number, or of one for each channel.

    The documentation takes no other shape. The kernel of 2022 does take ones, and [C, 1, 1] of
    PyTorch for an input of four dims, so that these are worth a note; others broadcast in ways that
    it does not foresee. A list is one for each channel to ATC, but one for each element of the last
    dim to ONNX: of the same size, they mean different things. ``prelu-slope`` writes a slope that
    both read alike, or does without PRelu.
    """

    id = "GF343"
    title = "slope of PRelu"
    severity = Severity.ERROR
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator PRelu; canndev 2022-06-30: tbe/impl/prelu.py"
    covers = ("PRelu/1",)
    op_types = ("PRelu",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """The slope's shape against the channels, where both are known."""
        data, slope = (view.shape(view.input(node, index)) for index in (0, 1))
        if data is None or slope is None or len(data) < 2 or None in slope:
            return
        channels = data[1]
        if slope == (1,):
            return
        if len(slope) == 1 and channels in (None, slope[0]):
            if len(data) > 2 and slope[0] == data[-1] == channels:
                yield self.finding(
                    f"has a slope of {channels} for the last dim, which ATC takes for channels",
                    view.label(node),
                    remedy="prelu-slope",
                    severity=Severity.WRONG,
                )
            return
        ones = all(size == 1 for size in slope)
        pytorch = len(data) == 4 and len(slope) == 3 and slope[1:] == (1, 1) and not ones
        yield self.finding(
            f"has a slope of shape {list(slope)}; ATC documents [1] and [{channels or 'C'}]",
            view.label(node),
            remedy=None if pytorch else "prelu-slope",
            advice="prelu-slope{decompose} does without PRelu, if it fails" if pytorch else "",
            severity=Severity.INFO if ones or pytorch else None,
        )
