"""GF339: Where of types that the AI Core does not take."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from graphfix.audit.rule import Rule
from graphfix.audit.view import View
from graphfix.finding import Finding, Severity
from graphfix.rewrite.symbolic import Facts
from graphfix.target import Evidence

_TAKEN: Final = (
    ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.UINT8, ir.DataType.INT8, ir.DataType.INT32,
)  # fmt: skip
_REMEDY: Final = {
    ir.DataType.BOOL: "where",
    ir.DataType.DOUBLE: "double-to-float",
    ir.DataType.INT64: "int64-to-int32",
}


class WhereTypes(Rule):
    """A Where chooses between int64, bool or other elements that the AI Core does not take.

    ATC maps it to SelectV2, whose documented types are float16, float32, uint8, int8 and int32;
    others run on the AI CPU. Cast both branches to int32, and the result back; And, Or and Not
    choose between bools, which ``where`` writes.
    """

    id = "GF339"
    title = "types of Where"
    severity = Severity.SLOW
    evidence = Evidence.DOC
    citation = "documentation of ATC: ONNX operator Where"
    covers = ("Where/1",)

    def check(self, view: View) -> Iterator[Finding]:
        """By the type of the branches; what is the same for all sizes can fold."""
        facts = Facts(view.model)
        for node in view.of("Where"):
            branches = (view.input(node, 1), view.input(node, 2))
            dtypes = [value.dtype for value in branches if value is not None and value.dtype]
            if not dtypes or dtypes[0] in _TAKEN:
                continue
            known = facts.value(node.outputs[0]) if node.outputs else None
            folds = known is not None and known.constant is not None
            remedy = "fold-shapes" if folds else _REMEDY.get(dtypes[0])
            yield self.finding(
                f"chooses between elements of {dtypes[0].name.lower()}, not on the AI Core",
                view.label(node),
                remedy=remedy,
                advice="" if remedy else "cast the branches to int32 and the result back",
            )
