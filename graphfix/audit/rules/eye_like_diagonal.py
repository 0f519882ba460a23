"""GF348: EyeLike whose diagonal ATC makes too long."""

from collections.abc import Iterator

import onnx_ir as ir

from graphfix.audit.reading import integer
from graphfix.audit.rule import NodeRule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.target import Evidence


class EyeLikeDiagonal(NodeRule):
    """An EyeLike has its ones above the main diagonal, or more rows than columns.

    ATC makes it of ``rows + k`` ones, laid out by MatrixDiagV2. That is the length of the diagonal
    for a ``k`` up to 0 that does not leave the matrix; otherwise it is another, and the conversion
    fails. (The documentation of CANN 5.1 and 6.0 takes ``k`` 0 alone.) ``eye-like`` makes a
    constant of a matrix whose shape is known.
    """

    id = "GF348"
    title = "diagonal of EyeLike"
    severity = Severity.ERROR
    evidence = Evidence.INFERENCE
    citation = "hicann/ops-math: eyelike_onnx_plugin.cpp, ParseOpToGraphEyeLike"
    covers = ("EyeLike/1",)
    op_types = ("EyeLike",)

    def check_node(self, node: ir.Node, view: View) -> Iterator[Finding]:
        """Any diagonal above the main one; others by the sizes, where they are known."""
        diagonal = integer(node, "k", 0)
        shape = view.shape(view.input(node, 0)) or ()
        rows, columns = shape if len(shape) == 2 else (None, None)
        remedy = None
        if rows is not None and columns is not None:
            remedy = "eye-like"
            room = min(rows + min(diagonal, 0), columns - max(diagonal, 0))
            fits, what = rows + diagonal == max(room, 0), f"has {rows} rows, {columns} columns and "
        else:
            fits, what = diagonal <= 0, "has "
        if fits:
            return
        yield self.finding(
            f"{what}k {diagonal}, for which ATC makes a diagonal of another length",
            view.label(node),
            remedy=remedy,
            advice="" if remedy else "fix the sizes of its input",
        )
